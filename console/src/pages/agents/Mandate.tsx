// What an agent may do, in sentences: one for each grant.
import { Flex, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { useFormat } from '~/lib/format';
import { visible } from '~/lib/visible';
import type { Agent, Grant } from './queries';

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
  return (
    <ul className="agents-plain">
      {agent.tools.map((grant) => (
        <li key={grant.pattern}>
          <Flex gap="small" align="baseline" wrap>
            <Tag color={COLOURS[grant.autonomy]}>{t(`level.${grant.autonomy}`)}</Tag>
            <code className="agents-code">{visible(grant.pattern)}</code>
            <span>{say(grant)}</span>
          </Flex>
        </li>
      ))}
    </ul>
  );
}
