// What is right and wrong with the workspace.
import { useQuery } from '@tanstack/react-query';
import { Button, Flex, Skeleton, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';

const COLOURS = { ok: 'success', warning: 'warning', error: 'error' } as const;

/** The doctor. */
export default function Doctor() {
  const { t } = useTranslation('doctor');
  const found = useQuery({ queryKey: ['doctor'], queryFn: () => data(api.GET('/doctor')) });
  const again = () => void found.refetch();
  return (
    <Page title={t('title')} extra={<Button onClick={again} loading={found.isFetching}>{t('again')}</Button>}>
      {found.isPending && <Skeleton active />}
      {found.isError && <Trouble error={found.error} again={again} />}
      <Flex vertical gap="small" component="ul" style={{ padding: 0, margin: 0, listStyle: 'none' }}>
        {found.data?.map((one, place) => (
          <Finding key={place} found={one} />
        ))}
      </Flex>
    </Page>
  );
}

function Finding({ found }: { found: Schemas['Finding'] }) {
  const { t } = useTranslation('doctor');
  return (
    <li>
      <Flex gap="small" align="baseline" wrap>
        <Tag color={COLOURS[found.level]}>{t(`levels.${found.level}`)}</Tag>
        <strong>{found.check}</strong>
        <Said text={found.message} />
      </Flex>
      {found.remedy !== '' && (
        <Typography.Text type="secondary">
          <Said text={found.remedy} />
        </Typography.Text>
      )}
    </li>
  );
}
