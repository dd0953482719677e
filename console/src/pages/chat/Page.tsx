// Talk with agents: one's conversations at the side, and the one that is open.
import { MenuUnfoldOutlined, PlusOutlined } from '@ant-design/icons';
import { Button, Drawer, Flex, Grid } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Route, Routes, useParams } from 'react-router';

import { Begin } from './Begin';
import { History } from './History';
import { Thread } from './Thread';
import './chat.css';

/** The page. */
export default function Chat() {
  return (
    <Routes>
      <Route index element={<Frame />} />
      <Route path=":run" element={<Frame />} />
    </Routes>
  );
}

function Frame() {
  const { t } = useTranslation('chat');
  const { run } = useParams();
  const wide = Grid.useBreakpoint().md ?? window.innerWidth >= 768;
  const [open, setOpen] = useState(false);
  useEffect(() => {
    document.title = `${t('title')} · Deputy`;
  }, [t]);
  const close = () => setOpen(false);
  const fresh = (
    <Link to="/chat" onClick={close}>
      <Button icon={<PlusOutlined />} block={wide} tabIndex={-1}>
        {t('new')}
      </Button>
    </Link>
  );
  return (
    <section className="chat" aria-label={t('title')}>
      <h1 className="unseen">{t('title')}</h1>
      {wide ? (
        <aside className="chat-side" aria-label={t('own')}>
          <div className="chat-new">{fresh}</div>
          <History open={run} />
        </aside>
      ) : (
        <>
          <Flex className="chat-top" gap="small">
            <Button icon={<MenuUnfoldOutlined />} onClick={() => setOpen(true)}>
              {t('own')}
            </Button>
            {run !== undefined && fresh}
          </Flex>
          <Drawer open={open} onClose={close} placement="left" size={300} title={t('own')} styles={{ body: { padding: 8 } }}>
            <History open={run} onGo={close} />
          </Drawer>
        </>
      )}
      {run === undefined ? <Begin /> : <Thread key={run} run={run} />}
    </section>
  );
}
