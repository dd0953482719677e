// What an agent may do, in sentences: one for each grant.
import { Flex, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { useFormat } from '~/lib/format';
import { visible } from '~/lib/visible';
import type { Agent, Grant } from './queries';

/** What needs people stands first: it is what one looks for. */
const ORDER = ['ask', 'act', 'shadow'] as const;
const COLOURS = { act: 'warning', ask: 'processing', shadow: 'default' } as const;

/** One grant, in words. */
export function useGrant(): (
  grant: Pick<Grant, 'autonomy' | 'approvers' | 'limit' | 'ask_above' | 'expires'>,
) => string {
  const { t } = useTranslation('agents');
  const format = useFormat();
  return (grant) => {
    const amounts = (of: Record<string, string>) =>
      Object.entries(of)
        .map(([name, most]) => `${visible(name)} ${most}`)
        .join(t('and'));
    const who = grant.approvers.length > 0 ? grant.approvers.map(visible).join(t('or')) : t('usual');
    const above = Object.keys(grant.ask_above).length > 0;
    const parts = [
      grant.autonomy === 'shadow'
        ? t('says.shadow')
        : above
          ? t('says.above', { most: amounts(grant.ask_above), who })
          : grant.autonomy === 'ask'
            ? t('says.ask', { who })
            : t('says.act'),
    ];
    if (Object.keys(grant.limit).length > 0) parts.push(t('says.limit', { most: amounts(grant.limit) }));
    if (grant.expires !== null)
      parts.push(t('says.expires', { time: format.duration(grant.expires * 1000) }));
    return parts.join(t('comma'));
  };
}

export function Mandate({ agent }: { agent: Agent }) {
  const { t } = useTranslation('agents');
  const say = useGrant();
  if (agent.tools.length === 0) return <Typography.Text type="secondary">{t('noGrants')}</Typography.Text>;
  const groups = new Map<string, Grant[]>();
  for (const level of ORDER) {
    for (const grant of agent.tools.filter((one) => one.autonomy === level)) {
      groups.set(say(grant), [...(groups.get(say(grant)) ?? []), grant]);
    }
  }
  return (
    <ul className="agents-plain">
      {[...groups].map(([sentence, grants]) => (
        <li key={sentence}>
          <Flex gap="small" align="baseline" wrap>
            <Tag color={COLOURS[grants[0]?.autonomy ?? 'ask']}>
              {t(`level.${grants[0]?.autonomy ?? 'ask'}`)}
            </Tag>
            {grants.map(({ pattern }) => (
              <code key={pattern} className="agents-code agents-tool">
                {visible(pattern)}
              </code>
            ))}
            <span>{sentence}</span>
          </Flex>
        </li>
      ))}
    </ul>
  );
}
