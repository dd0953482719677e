// What lets one in: the browsers one is signed in with, and the tokens of one's programs.
import { Sessions } from './Sessions';
import { Tokens } from './Tokens';
import './access.css';

/** Sessions and tokens. */
export default function Access() {
  return (
    <>
      <Sessions />
      <Tokens />
    </>
  );
}
