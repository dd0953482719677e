// What needs somebody now, what goes on, what it costs, and the switch that stops everything.
import { Flex, Segmented, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { useMay } from '~/api/me';
import { Page } from '~/components/Page';
import { Tour } from '~/tour/Tour';
import { Figures } from './Figures';
import { Freeze } from './Freeze';
import { LiveRuns, Needed } from './Now';
import { useAgents, type Window, WINDOWS } from './asking';
import './overview.css';

/** The overview. */
export default function Overview() {
  const { t } = useTranslation('overview');
  const may = useMay();
  const [window, setWindow] = useState<Window>('week');
  const [whose, setWhose] = useState('');
  const counts = may('stats.read');
  return (
    <Page
      title={t('title')}
      extra={
        counts && (
          <Flex gap="small" wrap>
            <Whose value={whose} onChange={setWhose} />
            <Segmented<Window>
              aria-label={t('window')}
              value={window}
              onChange={setWindow}
              options={WINDOWS.map((one) => ({ value: one, label: t(`windows.${one}`) }))}
            />
          </Flex>
        )
      }
    >
      <Flex vertical gap="middle">
        <Tour />
        <Freeze />
        <div className="board-pair">
          <Needed />
          <LiveRuns />
        </div>
        {counts && <Figures window={window} whose={whose} />}
      </Flex>
    </Page>
  );
}

function Whose({ value, onChange }: { value: string; onChange: (whose: string) => void }) {
  const { t } = useTranslation('overview');
  const { agents, teams } = useAgents();
  return (
    <Select
      aria-label={t('whose')}
      value={value}
      onChange={onChange}
      popupMatchSelectWidth={false}
      style={{ minWidth: 150 }}
      options={[
        { value: '', label: t('everybody') },
        ...(teams.length > 0 ? [{ label: t('teams'), options: teams.map((team) => ({ value: `team:${team}`, label: team })) }] : []),
        { label: t('agents'), options: agents.map((agent) => ({ value: `agent:${agent}`, label: agent })) },
      ]}
    />
  );
}
