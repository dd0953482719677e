// One item with all that its reader needs in order to decide.
import { ArrowLeftOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Descriptions, Flex, Skeleton, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { Problem } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { Arguments } from './Arguments';
import { Decide } from './Decide';
import { amount } from './List';
import { type Item, itemOf } from './queries';
import { Similar } from './Similar';
import { Story } from './Story';
import { Talk } from './Talk';

/** The item of this id. */
export function Detail({ id, wide }: { id: string; wide: boolean }) {
  const { t } = useTranslation('inbox');
  const found = useQuery(itemOf(id));
  return (
    <article className="inbox-detail" aria-label={t('item')}>
      {!wide && (
        <Link to="/inbox">
          <Button type="text" icon={<ArrowLeftOutlined />} tabIndex={-1}>
            {t('toList')}
          </Button>
        </Link>
      )}
      {found.isPending && <Skeleton active paragraph={{ rows: 10 }} />}
      {found.isError ? <Gone error={found.error} again={() => void found.refetch()} /> : found.data && <Whole item={found.data} />}
    </article>
  );
}

/** It was decided, perhaps by somebody else; or something is wrong. */
function Gone({ error, again }: { error: unknown; again: () => void }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  if (error instanceof Problem && error.status === 409) {
    const decided = error.said['decided'] as { name: string; what: string; at: string } | undefined;
    return (
      <Alert
        type="info"
        showIcon
        role="status"
        title={
          decided === undefined ? (
            <Said text={error.detail} />
          ) : (
            t(`decided.${decided.what}`, { name: decided.name, when: format.moment(decided.at), defaultValue: error.detail })
          )
        }
        action={
          <Link to="/inbox">
            <Button tabIndex={-1}>{t('toList')}</Button>
          </Link>
        }
      />
    );
  }
  return <Trouble error={error} again={again} />;
}

function Whole({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  return (
    <Flex vertical gap="middle">
      <header>
        <Flex gap="small" wrap align="center">
          <Tag>{t(`kinds.${item.kind}`)}</Tag>
          <Link to={`/agents/${item.agent}`}>{item.agent}</Link>
          <Typography.Text type="secondary">{t('onBehalf', { name: item.on_behalf_of.name })}</Typography.Text>
        </Flex>
        {item.stake && <p className="inbox-stake tabular">{amount(item.stake, format)}</p>}
        <h2 className="inbox-sentence">
          <Said text={item.says ?? (item.question === '' ? (item.tool ?? '') : item.question)} most={1_200} />
        </h2>
        {item.kind !== 'question' && item.important.length > 0 && (
          <dl className="inbox-important">
            {item.important.map((one) => (
              <div key={one.name}>
                <dt>
                  <Said text={one.name} most={80} />
                </dt>
                <dd>
                  <Said text={one.value} most={200} />
                </dd>
              </div>
            ))}
          </dl>
        )}
      </header>
      {item.untrusted.length > 0 && <Alert type="warning" showIcon title={t('outsideWarning')} description={t('outsideNext')} />}
      {item.kind === 'in_doubt' && item.attempts && <Doubt item={item} />}
      {item.says !== null && item.question !== '' && item.question !== item.says && <Said text={item.question} most={2_000} />}
      <Decide item={item} />
      <Why item={item} />
      {item.arguments.length > 0 && <Arguments item={item} />}
      <Talk item={item} />
      <Similar item={item} />
      <Story item={item} />
    </Flex>
  );
}

/** What is known of a call that may have happened. */
function Doubt({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const attempts = item.attempts;
  if (attempts === null) return null;
  return (
    <Alert
      type="error"
      showIcon
      title={t('doubt.title')}
      description={
        <>
          <p>{t('doubt.known', { count: attempts.count, when: attempts.last ? format.moment(attempts.last) : '' })}</p>
          {attempts.error && <Said text={attempts.error.message} most={600} />}
          <p>{t('doubt.next')}</p>
        </>
      }
    />
  );
}

/** Who asked, by which rule, at what cost, until when. */
function Why({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const people = item.people.map(({ name }) => name).join(', ');
  const lines = [
    { key: 'why', label: t('why'), children: <Said text={item.why} most={600} /> },
    { key: 'rule', label: t('rule'), children: <Said text={item.rule} most={200} mono /> },
    { key: 'class', label: t('class'), children: item.class && t(`classes.${item.class}`, { defaultValue: item.class }) },
    { key: 'tool', label: t('tool'), children: item.tool && <Said text={item.tool} mono /> },
    { key: 'people', label: t('who'), children: people },
    { key: 'deny', label: t('ifDenied'), children: item.kind === 'in_doubt' ? null : t(`onDeny.${item.on_deny}`) },
    { key: 'expires', label: t('deadline'), children: item.expires && `${format.moment(item.expires)} (${format.relative(item.expires)})` },
    {
      key: 'cost',
      label: t('cost'),
      children: item.limit
        ? t('costOf', { spent: format.money(item.spent.money), limit: format.money(item.limit) })
        : format.money(item.spent.money),
    },
    { key: 'run', label: t('run'), children: <Link to={`/runs/${item.run}`}>{item.run}</Link> },
  ];
  const shown = lines.filter(({ children, key }) => children !== null && children !== '' && (key !== 'why' || item.why !== ''));
  return <Descriptions size="small" column={1} bordered items={shown} title={<h3>{t('circumstances')}</h3>} />;
}
