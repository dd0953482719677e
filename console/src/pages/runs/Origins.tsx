// Where the arguments of an effect come from: as a list that reads like a record, and as a graph.
import { useQuery } from '@tanstack/react-query';
import { Alert, Segmented, Skeleton, Tag, Typography } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { api, data, type Schemas } from '~/api/client';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { short, useFormat } from '~/lib/format';
import { arrive } from '~/lib/arrive';

const Graph = lazy(() => arrive(() => import('./Graph')));
type Found = Schemas['Provenance'];

/** The origins of one effect. */
export default function Origins() {
  const { t } = useTranslation('runs');
  const { run = '', effect = '' } = useParams();
  const [view, setView] = useState<'list' | 'graph'>('list');
  const found = useQuery({
    queryKey: ['run', run, 'origins', effect],
    queryFn: () => data(api.GET('/runs/{run}/effects/{effect}/provenance', { params: { path: { run, effect } } })),
  });
  const root = found.data?.nodes[0];
  return (
    <Page
      title={t('origins.title', { tool: root?.title ?? '' })}
      extra={
        <Segmented
          aria-label={t('origins.view')}
          value={view}
          onChange={setView}
          options={[
            { value: 'list', label: t('origins.list') },
            { value: 'graph', label: t('origins.graph') },
          ]}
        />
      }
    >
      <p>
        <Link to={`/runs/${run}`}>{t('origins.back', { run: short(run) })}</Link>
      </p>
      {found.isPending && <Skeleton active />}
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {found.data && (
        <>
          <Alert
            style={{ marginBottom: 12 }}
            type={found.data.exact ? 'success' : 'warning'}
            showIcon
            title={t(found.data.exact ? 'origins.exact' : 'origins.coarse')}
            description={found.data.bounded ? t('origins.bounded') : undefined}
          />
          {view === 'list' ? (
            <Steps found={found.data} run={run} />
          ) : (
            <div className="run-card graph">
              <Suspense fallback={<Skeleton active />}>
                <Graph found={found.data} />
              </Suspense>
            </div>
          )}
        </>
      )}
    </Page>
  );
}

/** Every node with what led to it, the effect itself first. */
function Steps({ found, run }: { found: Found; run: string }) {
  const { t } = useTranslation('runs');
  const { moment } = useFormat();
  const nodes = new Map(found.nodes.map((node) => [node.id, node]));
  return (
    <ol className="origin-list run-card" aria-label={t('origins.list')}>
      {found.nodes.map((node) => {
        const edges = found.edges.filter((edge) => edge.target === node.id);
        return (
          <li key={node.id} className="origin" id={`node-${node.id}`}>
            <Typography.Text strong className={node.kind === 'effect' ? 'mono' : undefined}>
              {node.kind === 'effect' ? <Said text={node.title} most={100} /> : t(`nodes.${node.kind}`, { by: (node.by ?? '').replace(/^person:/, ''), what: node.title })}
            </Typography.Text>{' '}
            {node.trust === 'untrusted' && <Tag color="warning">{t('effect.untrusted')}</Tag>}
            {node.at && <span className="runs-sub">{moment(node.at)}</span>}{' '}
            {node.kind === 'effect' && node.n !== null && node.id !== found.nodes[0]?.id && (
              <Link to={`/runs/${run}/effects/${node.n}/origins`}>{t('origins.further')}</Link>
            )}
            {node.kind === 'run' && node.run !== null && <Link to={`/runs/${node.run}`}>{t('origins.parent')}</Link>}
            {node.text !== '' && (
              <div className="origin-quote">
                <Said text={node.text} most={400} />
              </div>
            )}
            {edges.length > 0 && (
              <ul>
                {edges.map((edge, place) => {
                  const source = nodes.get(edge.source);
                  const name = source?.kind === 'effect' ? source.title : t(`nodes.${source?.kind ?? 'effect'}`, { by: (source?.by ?? '').replace(/^person:/, ''), what: source?.title ?? '' });
                  return (
                    <li key={place}>
                      {edge.kind === 'value' || edge.kind === 'edited' ? (
                        <>
                          <code className="mono">{edge.argument}</code> = <Said text={edge.value || edge.text} most={120} /> ←{' '}
                          <a href={`#node-${edge.source}`}>{name}</a> {edge.path && <code className="mono">{edge.path}</code>}
                          {!edge.whole && edge.text !== '' && (
                            <span className="origin-quote" style={{ display: 'block' }}>
                              <Said text={edge.text} most={400} />
                            </span>
                          )}
                        </>
                      ) : (
                        <>
                          {t(`edges.${edge.kind}`)} <a href={`#node-${edge.source}`}>{name}</a>
                        </>
                      )}{' '}
                      {edge.trust === 'untrusted' && <Tag color="warning">{t('effect.untrusted')}</Tag>}
                      {!edge.exact && <Tag>{t('origins.coarseEdge')}</Tag>}
                    </li>
                  );
                })}
              </ul>
            )}
          </li>
        );
      })}
    </ol>
  );
}
