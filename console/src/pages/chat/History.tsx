// The conversations of whoever is signed in, the newest first.
import { useQuery } from '@tanstack/react-query';
import { Empty, Skeleton, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { useMe } from '~/api/me';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { short, visible } from '~/lib/visible';

type Line = Schemas['SeenLine'];

interface Props {
  /** The one that is open. */
  open?: string;
  onGo?: () => void;
}

const TITLE = 80;
const MOST = 60;

const asks = (one: Line, person: string) => one.waits_for.some(({ people }) => people.includes(person));

/** The list. */
export function History({ open, onGo }: Props) {
  const { t } = useTranslation('chat');
  const { relative } = useFormat();
  const { person } = useMe();
  const query = { on_behalf_of: person, trigger: 'person', limit: MOST };
  const found = useQuery({
    queryKey: ['runs', 'conversations', person],
    queryFn: () => data(api.GET('/runs', { params: { query } })),
  });
  if (found.isPending) return <Skeleton active paragraph={{ rows: 6 }} title={false} />;
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  if (found.data.runs.length === 0) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('none')} />;
  return (
    <ul className="chat-list">
      {found.data.runs.map((one) => (
        <li key={one.id}>
          <Link to={`/chat/${one.id}`} onClick={onGo} aria-current={one.id === open ? 'page' : undefined}>
            <span className="chat-list-title">{visible(short(one.task.trim(), TITLE))}</span>
            <Typography.Text type="secondary" className="chat-list-about">
              {one.agent} · {relative(one.changed)}
              {asks(one, person) && <span className="chat-list-wants"> · {t('asks')}</span>}
            </Typography.Text>
          </Link>
        </li>
      ))}
    </ul>
  );
}
