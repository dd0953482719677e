// Write an agent: its files with what is wrong marked as one types, what they would widen, a try in shadow, and deploy.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Card, Checkbox, Flex, Modal, Segmented, Skeleton, Tag, Typography } from 'antd';
import { lazy, Suspense, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';

import { api, data, Problem, type Schemas } from '~/api/client';
import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { arrive } from '~/lib/arrive';
import { AuthorityChanges, Diff, Direction } from './Authority';
import type { Goto } from './Code';
import { changed, type Draft, forget, isChanged, useCheck, useDraft } from './draft';
import { type Authority, type Finding, keyed, useWords } from './queries';
import { Trial } from './Trial';
import { lines } from './unified';

const Code = lazy(() => arrive(() => import('./Code')));

interface Props {
  name: string;
  /** The files on disk; without them the agent is new. */
  source?: Schemas['AgentSource'];
  fresh?: Record<string, string>;
}

export function Editor({ name, source, fresh }: Props) {
  const { t } = useTranslation('agents');
  const may = useMay();
  const writes = may('agents.deploy');
  const [draft, setDraft] = useDraft(name, source, fresh);
  const [file, setFile] = useState('AGENT.md');
  const [side, setSide] = useState<'findings' | 'changes' | 'try'>('findings');
  const [asking, ask] = useState(false);
  const goto = useRef<Goto>(null);
  const words = useWords(writes);
  const dirty = isChanged(draft) || source === undefined;
  const check = useCheck(name, draft, writes && dirty);
  const findings = (dirty ? check.data?.findings : source?.findings) ?? [];
  const errors = findings.filter((finding) => finding.level === 'error').length;
  const editable = writes && !file.endsWith('.py');
  const files = Object.keys({ 'AGENT.md': '', ...draft.files });
  const conflict = source !== undefined && source.digest !== draft.base && isChanged(draft);
  const drop = () => {
    forget(name);
    if (source) setDraft({ base: source.digest, was: source.files, files: source.files });
  };
  const show = (finding: Finding) => {
    if (finding.file in draft.files) setFile(finding.file);
    setTimeout(() => goto.current?.(finding.line ?? 1, finding.column ?? 1), 0);
  };
  const title = (path: string) => (
    <span className="agents-code">
      {path}
      {path in draft.was && draft.was[path] !== draft.files[path] && ' •'}
      {path.endsWith('.py') && ` (${t('readOnly')})`}
    </span>
  );
  return (
    <Flex vertical gap="small">
      {conflict && source && <Conflict draft={draft} source={source} onDraft={setDraft} onDrop={drop} />}
      <div className={writes ? 'agents-editor' : ''}>
        <Flex vertical gap="small" style={{ minWidth: 0 }}>
          {files.length > 1 && (
            <div className="agents-files">
              <Segmented
                aria-label={t('files')}
                options={files.map((path) => ({ value: path, label: title(path) }))}
                value={file}
                onChange={setFile}
              />
            </div>
          )}
          <div className={errors > 0 ? 'agents-source wrong' : 'agents-source'}>
            <Suspense fallback={<Skeleton active style={{ padding: 16 }} paragraph={{ rows: 12 }} />}>
              <Code
                key={`${name}/${file}`}
                label={t('sourceOf', { file })}
                file={file}
                value={draft.files[file] ?? ''}
                onChange={
                  editable
                    ? (text) => setDraft({ ...draft, files: { ...draft.files, [file]: text } })
                    : undefined
                }
                findings={findings.filter((finding) => finding.file === file)}
                words={words.data}
                gotoRef={goto}
              />
            </Suspense>
          </div>
        </Flex>
        {writes && (
          <aside className="agents-side" aria-label={t('side')}>
            <Segmented
              block
              aria-label={t('side')}
              value={side}
              onChange={setSide}
              options={[
                { value: 'findings', label: t('findings', { count: findings.length }) },
                { value: 'changes', label: t('changes') },
                { value: 'try', label: t('tabs.try') },
              ]}
            />
            {side === 'findings' && (
              <Findings
                findings={findings}
                onShow={show}
                busy={dirty && !check.settled}
                error={check.error}
              />
            )}
            {side === 'changes' && <Changes authority={check.data?.authority} dirty={dirty} />}
            {side === 'try' && <Trial name={name} files={changed(draft)} disabled={errors > 0} />}
          </aside>
        )}
      </div>
      {writes && (
        <div className="agents-foot">
          <Button
            type="primary"
            disabled={!dirty || errors > 0 || !check.settled || conflict || !check.data?.version}
            onClick={() => ask(true)}
          >
            {t('deploy')}
          </Button>
          {source && (
            <Button disabled={!isChanged(draft)} onClick={drop}>
              {t('drop')}
            </Button>
          )}
          <span role="status">
            {errors > 0 ? (
              <Tag color="error">{t('wrong', { count: errors })}</Tag>
            ) : dirty && check.data?.authority ? (
              <Direction direction={check.data.authority.direction} />
            ) : !dirty ? (
              <Typography.Text type="secondary">{t('clean')}</Typography.Text>
            ) : null}
          </span>
        </div>
      )}
      {asking && check.data?.authority && (
        <Deploy
          name={name}
          draft={draft}
          authority={check.data.authority}
          fresh={!source}
          onClose={() => ask(false)}
        />
      )}
    </Flex>
  );
}

interface FindingsProps {
  findings: readonly Finding[];
  onShow: (finding: Finding) => void;
  busy: boolean;
  error: Error | null;
}

function Findings({ findings, onShow, busy, error }: FindingsProps) {
  const { t } = useTranslation('agents');
  return (
    <Card size="small" aria-busy={busy}>
      {error && <Trouble error={error} />}
      {!error && findings.length === 0 && (
        <Typography.Text type="secondary">{t('noFindings')}</Typography.Text>
      )}
      <ul className="agents-plain" aria-label={t('findingsList')}>
        {findings.map((finding, place) => (
          <li key={place}>
            <button type="button" className="agents-finding" onClick={() => onShow(finding)}>
              <Flex gap="small" align="baseline" wrap>
                <Tag color={finding.level === 'error' ? 'error' : 'warning'}>
                  {t(`level.${finding.level}`)}
                </Tag>
                {finding.line !== null && (
                  <span className="agents-code">
                    {finding.file}:{finding.line}
                  </span>
                )}
              </Flex>
              <Said text={finding.message} />
              <br />
              <Typography.Text type="secondary">
                <Said text={finding.remedy} />
              </Typography.Text>
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Changes({ authority, dirty }: { authority?: Authority | null; dirty: boolean }) {
  const { t } = useTranslation('agents');
  return (
    <Card size="small">
      {dirty && authority ? (
        <AuthorityChanges authority={authority} />
      ) : (
        <Typography.Text type="secondary">{t(dirty ? 'changesLater' : 'clean')}</Typography.Text>
      )}
    </Card>
  );
}

interface ConflictProps {
  draft: Draft;
  source: Schemas['AgentSource'];
  onDraft: (draft: Draft) => void;
  onDrop: () => void;
}

/** Somebody else wrote the files meanwhile: shown, and decided by a person. */
function Conflict({ draft, source, onDraft, onDrop }: ConflictProps) {
  const { t } = useTranslation('agents');
  const [shown, show] = useState(false);
  const theirs = Object.keys({ ...draft.was, ...source.files }).filter(
    (path) => draft.was[path] !== source.files[path],
  );
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      title={t('conflict')}
      description={
        <Flex vertical gap="small">
          <span>{t('conflictSays')}</span>
          <Flex gap="small" wrap>
            <Button size="small" onClick={() => show(!shown)}>
              {t(shown ? 'hideTheirs' : 'showTheirs')}
            </Button>
            <Button size="small" onClick={onDrop}>
              {t('takeTheirs')}
            </Button>
            <Button
              size="small"
              onClick={() =>
                onDraft({
                  ...draft,
                  base: source.digest,
                  was: source.files,
                  files: { ...source.files, ...pick(draft) },
                })
              }
            >
              {t('keepMine')}
            </Button>
          </Flex>
          {shown &&
            theirs.map((path) => (
              <Diff key={path} file={path} text={lines(draft.was[path] ?? '', source.files[path] ?? '')} />
            ))}
        </Flex>
      }
    />
  );
}

/** What was changed in a draft. */
function pick(draft: Draft): Record<string, string> {
  const found = Object.entries(changed(draft)).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return Object.fromEntries(found);
}

interface DeployProps {
  name: string;
  draft: Draft;
  authority: Authority;
  fresh: boolean;
  onClose: () => void;
}

function Deploy({ name, draft, authority, fresh, onClose }: DeployProps) {
  const { t } = useTranslation('agents');
  const { message } = App.useApp();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [understood, understand] = useState(false);
  const widens = authority.direction === 'widens' && !fresh;
  const deploy = useMutation({
    mutationFn: () =>
      data(
        api.POST('/agents/{agent}/deploy', {
          params: { path: { agent: name }, header: keyed() },
          body: { files: changed(draft), base: draft.base },
        }),
      ),
    onSuccess: async () => {
      forget(name);
      onClose();
      void message.success(t('deployed', { agent: name }));
      await client.invalidateQueries({ queryKey: ['agents'] });
      if (fresh) void navigate(`/agents/${name}`);
    },
    onError: (error) => {
      if (error instanceof Problem && error.status === 409) {
        void client.invalidateQueries({ queryKey: ['agents', name, 'source'] });
      }
    },
  });
  return (
    <Modal
      open
      width={720}
      title={t(fresh ? 'deployNew' : 'deployAsk', { agent: name })}
      okText={t(widens ? 'deployWidens' : 'deploy')}
      cancelText={t('cancel')}
      okButtonProps={{ danger: widens, disabled: widens && !understood, loading: deploy.isPending }}
      onOk={() => deploy.mutate()}
      onCancel={onClose}
    >
      <Flex vertical gap="small">
        <span>{t('deploySays')}</span>
        <AuthorityChanges authority={authority} texts />
        {widens && (
          <Checkbox checked={understood} onChange={(event) => understand(event.target.checked)}>
            {t('understood')}
          </Checkbox>
        )}
        {deploy.isError && <Trouble error={deploy.error} />}
      </Flex>
    </Modal>
  );
}
