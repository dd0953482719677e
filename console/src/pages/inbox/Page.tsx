// The inbox: what waits for whoever is signed in, the most urgent first, and what they can do about it.
import './inbox.css';

import { Grid } from 'antd';
import { useTranslation } from 'react-i18next';
import { Route, Routes, useParams } from 'react-router';

import { Page } from '~/components/Page';
import { Detail } from './Detail';
import { List } from './List';

/** List and item side by side where there is room, else one after the other. */
export default function Inbox() {
  return (
    <Routes>
      <Route index element={<Both />} />
      <Route path=":item" element={<Both />} />
    </Routes>
  );
}

function Both() {
  const { t } = useTranslation('inbox');
  const { item } = useParams();
  const wide = Grid.useBreakpoint().lg ?? window.innerWidth >= 992;
  return (
    <Page title={t('title')}>
      <div className="inbox">
        {(wide || item === undefined) && <List chosen={item} wide={wide} />}
        {item !== undefined && <Detail key={item} id={item} wide={wide} />}
      </div>
    </Page>
  );
}
