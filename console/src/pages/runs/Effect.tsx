// One effect in the timeline: what, by which rule, how it went; open, everything that is known of it.
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Flex, Tag } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, data, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { Members, Value } from './Value';

export type Seen = Schemas['SeenEffect'];
const CLASSES: Record<string, string> = { irreversible: 'red', send: 'warning', execute: 'warning', write: 'processing', read: 'default' };

/** One effect. */
export function Effect({ run, seen }: { run: string; seen: Seen }) {
  const { t } = useTranslation('runs');
  const { duration, money, moment, whole } = useFormat();
  const [open, setOpen] = useState(false);
  const spent = seen.cost.money.amount !== '0.00';
  return (
    <li className={`effect ${seen.state}`}>
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <div className="effect-head">
            <strong className="mono">{seen.kind === 'model' ? t('effect.model') : <Said text={seen.tool} most={100} />}</strong>
            {seen.kind === 'tool' && <Tag color={CLASSES[seen.class]}>{t(`classes.${seen.class}`)}</Tag>}
            {(seen.state !== 'done' || seen.kind === 'tool') && <span>{t(`effectStates.${seen.state}`)}</span>}
            {seen.rehearsal && <Tag>{t('effect.rehearsal')}</Tag>}
            {seen.label.trust === 'untrusted' && seen.kind === 'tool' && seen.state === 'done' && (
              <Tag color="warning">{t('effect.untrusted')}</Tag>
            )}
            <span className="effect-numbers tabular">
              {spent && <>{money(seen.cost.money)} · </>}
              {seen.ms !== null && <>{duration(seen.ms)} · </>}
              <time dateTime={seen.proposed} title={whole(seen.proposed)}>
                {moment(seen.proposed)}
              </time>
            </span>
          </div>
          {seen.kind === 'tool' && <span className="one-line runs-sub">{gist(seen)}</span>}
        </summary>
        {open && <Body run={run} seen={seen} />}
      </details>
    </li>
  );
}

function gist(seen: Seen): string {
  const said = Object.entries(seen.args).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return said.join(' · ').replace(/\s+/g, ' ').slice(0, 160);
}

function Body({ run, seen: brief }: { run: string; seen: Seen }) {
  const { t } = useTranslation('runs');
  const [all, setAll] = useState(false);
  const whole = useQuery({
    queryKey: ['run', run, 'effect', brief.n],
    queryFn: () => data(api.GET('/runs/{run}/effects/{effect}', { params: { path: { run, effect: String(brief.n) } } })),
    enabled: all,
  });
  const seen = (all && whole.data) || brief;
  const tool = seen.kind === 'tool';
  return (
    <div className="effect-body">
      {seen.error && <Alert type="error" showIcon title={<Said text={seen.error.message} />} style={{ marginBottom: 8 }} />}
      <Flex wrap gap="small" align="center">
        {seen.verdict && <span>{t('effect.verdict', { verdict: t(`verdicts.${seen.verdict}`) })}</span>}
        {seen.rule && <code className="mono">{seen.rule}</code>}
        {tool && <span className="runs-sub">{t(`repeats.${seen.repeat}`)}</span>}
        {seen.label.source && <span className="runs-sub">{t('effect.source', { source: seen.label.source })}</span>}
      </Flex>
      {tool && Object.keys(seen.args).length > 0 && (
        <>
          <h3>{t('effect.args')}</h3>
          <Members of={seen.args} />
        </>
      )}
      {seen.original && (
        <>
          <h3>{t('effect.original')}</h3>
          <Members of={seen.original} />
        </>
      )}
      {seen.result !== null && seen.result !== undefined && (
        <>
          <h3>{t('effect.result')}</h3>
          <div className="value">
            <Value value={seen.kind === 'model' ? (seen.result as { text?: string }).text ?? seen.result : seen.result} />
          </div>
        </>
      )}
      <Known seen={seen} />
      <Flex wrap gap="small" style={{ marginTop: 10 }}>
        {tool && (
          <Link to={`/runs/${run}/effects/${seen.n}/origins`}>
            <Button size="small">{t('effect.origins')}</Button>
          </Link>
        )}
        {brief.cut.length > 0 && !all && (
          <Button size="small" onClick={() => setAll(true)}>{t('effect.all')}</Button>
        )}
        {seen.child && <Link to={`/runs/${seen.child}`}>{t('effect.child')}</Link>}
      </Flex>
      {whole.isError && <Trouble error={whole.error} again={() => void whole.refetch()} />}
    </div>
  );
}

function Known({ seen }: { seen: Seen }) {
  const { t } = useTranslation('runs');
  const { moment } = useFormat();
  const tries = seen.attempts.length > 1 || seen.attempts.some((one) => one.status === 'unknown');
  const untrusted = seen.untrusted as unknown as { argument: string; source: string }[];
  return (
    <>
      {untrusted.length > 0 && (
        <>
          <h3>{t('effect.outside')}</h3>
          <ul style={{ margin: 0, paddingInlineStart: 18 }}>
            {untrusted.map((one) => (
              <li key={one.argument}>
                <code className="mono">{one.argument}</code> ← <Said text={one.source} most={200} />
              </li>
            ))}
          </ul>
        </>
      )}
      {seen.words.length > 0 && (
        <>
          <h3>{t('effect.people')}</h3>
          <ul style={{ margin: 0, paddingInlineStart: 18 }}>
            {seen.words.map((word, place) => (
              <li key={place}>
                {t(`words.${word.what}`, { by: (word.by ?? '').replace(/^person:/, ''), who: word.approvers.join(', ') })}{' '}
                <span className="runs-sub">{moment(word.at)}</span> {word.text && <Said text={word.text} most={400} />}
                {word.edit && <Members of={word.edit} />}
              </li>
            ))}
          </ul>
        </>
      )}
      {tries && (
        <>
          <h3>{t('effect.attempts')}</h3>
          <ul style={{ margin: 0, paddingInlineStart: 18 }}>
            {seen.attempts.map((one) => (
              <li key={one.number}>
                {t('effect.attempt', { number: one.number, at: moment(one.at), deadline: one.deadline })}{' '}
                {t(`tries.${one.status ?? 'open'}`)} {one.error && <Said text={one.error} most={300} />}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
