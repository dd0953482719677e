// The files of a run's folder; each is kept, never opened here.
import { DownloadOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Button, Empty, Flex, Skeleton } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data, raw, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { visible } from '~/lib/visible';

/** The files. */
export function Files({ run }: { run: string }) {
  const { t } = useTranslation('runs');
  const { count, moment } = useFormat();
  const [wrong, setWrong] = useState<unknown>(null);
  const found = useQuery({
    queryKey: ['run', run, 'files'],
    queryFn: () => data(api.GET('/runs/{run}/files', { params: { path: { run } } })),
  });
  const keep = async (file: Schemas['File']) => {
    setWrong(null);
    try {
      const answer = await raw(`/runs/${run}/files/content?path=${encodeURIComponent(file.path)}`);
      const address = URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type: 'application/octet-stream' }));
      const link = document.createElement('a');
      link.href = address;
      link.download = file.path.split('/').at(-1) ?? 'file';
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    } catch (error) {
      setWrong(error);
    }
  };
  return (
    <>
      {found.isPending && <Skeleton active paragraph={{ rows: 2 }} />}
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {wrong !== null && <Trouble error={wrong} />}
      {found.data?.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('files.none')} />}
      <ul className="files-list">
        {found.data?.map((file) => (
          <li key={file.path}>
            <Flex justify="space-between" align="center" gap="small">
              <span style={{ minWidth: 0 }}>
                <Said mono text={file.path} most={200} />{' '}
                <span className="runs-sub">
                  {t('files.size', { count: file.size, size: count(file.size) })} · {moment(file.changed)}
                </span>
              </span>
              <Button
                type="text"
                icon={<DownloadOutlined aria-hidden />}
                aria-label={t('files.keep', { name: visible(file.path) })}
                onClick={() => void keep(file)}
              />
            </Flex>
          </li>
        ))}
      </ul>
    </>
  );
}
