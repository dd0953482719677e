// How one version differs from another in what it may do, each difference in a sentence, and how their texts differ.
import { Flex, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { visible } from '~/lib/visible';
import type { Authority, Change } from './queries';

const COLOURS = { widens: 'error', narrows: 'success', changes: 'warning', same: 'default' } as const;
const ORDER = ['widens', 'changes', 'narrows', 'same'];

export function Direction({ direction }: { direction: Change['direction'] }) {
  const { t } = useTranslation('agents');
  return <Tag color={COLOURS[direction]}>{t(`direction.${direction}`)}</Tag>;
}

/** One difference, in the reader's language. */
export function useSentence(): (change: Change) => string {
  const { t, i18n } = useTranslation('agents');
  return (change) => {
    const level = (word: string) => (i18n.exists(`agents:level.${word}`) ? t(`level.${word}`) : word);
    const leveled =
      change.kind === 'tool_added' || change.kind === 'tool_removed' || change.kind === 'autonomy';
    const unbounded = ['limit', 'ask_above', 'budget'].includes(change.kind);
    const none = t(unbounded ? 'change.unbounded' : 'change.none');
    const words = {
      subject: visible(change.subject),
      part: visible(change.part),
      before: visible(leveled ? level(change.before) : change.before) || none,
      after: visible(leveled ? level(change.after) : change.after) || none,
    };
    if (change.kind === 'budget') {
      words.part = t(`unit.${change.part}`);
      words.subject = t(`account.${change.subject}`);
    }
    return i18n.exists(`agents:change.${change.kind}`)
      ? t(`change.${change.kind}`, words)
      : visible(change.says);
  };
}

interface Props {
  authority: Authority;
  /** Whether the texts stand below. */
  texts?: boolean;
}

export function AuthorityChanges({ authority, texts = false }: Props) {
  const { t } = useTranslation('agents');
  const say = useSentence();
  const sorted = [...authority.changes].sort(
    (one, other) => ORDER.indexOf(one.direction) - ORDER.indexOf(other.direction),
  );
  return (
    <Flex vertical gap="small">
      {sorted.length === 0 && <Typography.Text type="secondary">{t('noChange')}</Typography.Text>}
      {sorted.length > 0 && (
        <ul className="agents-plain" aria-label={t('changes')}>
          {sorted.map((change, place) => (
            <li key={place}>
              <Flex gap="small" align="baseline">
                <Direction direction={change.direction} />
                <span>{say(change)}</span>
              </Flex>
            </li>
          ))}
        </ul>
      )}
      {texts &&
        Object.entries(authority.diffs).map(([file, text]) => <Diff key={file} file={file} text={text} />)}
    </Flex>
  );
}

const MOST = 600; // lines

/** A unified diff, line by line. */
export function Diff({ file, text }: { file: string; text: string }) {
  const { t } = useTranslation('agents');
  const lines = text.split('\n').slice(2);
  return (
    <div>
      <Typography.Text strong className="agents-code">
        {visible(file)}
      </Typography.Text>
      <div className="agents-diff agents-code" role="region" aria-label={t('diffOf', { file })} tabIndex={0}>
        {lines.slice(0, MOST).map((line, place) => (
          <div key={place} className={kind(line)}>
            {visible(line.slice(0, 2_000))}
          </div>
        ))}
        {lines.length > MOST && <div className="place">{t('moreLines', { count: lines.length - MOST })}</div>}
      </div>
    </div>
  );
}

function kind(line: string): string {
  if (line.startsWith('+')) return 'added';
  if (line.startsWith('-')) return 'removed';
  return line.startsWith('@@') ? 'place' : '';
}
