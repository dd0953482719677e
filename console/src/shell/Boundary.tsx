// An error that no page took: told, with a way on.
import { QueryErrorResetBoundary } from '@tanstack/react-query';
import { Component, type ReactNode } from 'react';

import { Trouble } from '~/components/Trouble';

interface Props {
  children: ReactNode;
  onAgain?: () => void;
}

class Catcher extends Component<Props, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  private readonly again = () => {
    this.props.onAgain?.();
    this.setState({ error: null });
  };

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <section className="page">
        <Trouble error={this.state.error} again={this.again} />
      </section>
    );
  }
}

/** Tells what went wrong below it; queries are asked anew on the next try. */
export function Boundary({ children }: { children: ReactNode }) {
  return <QueryErrorResetBoundary>{({ reset }) => <Catcher onAgain={reset}>{children}</Catcher>}</QueryErrorResetBoundary>;
}
