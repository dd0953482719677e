// What every page has: a heading, room for what one can do there, and content that is never wider than the window.
import { Flex, Typography } from 'antd';
import { type ReactNode, useEffect } from 'react';

interface Props {
  title: string;
  /** Stands beside the title: buttons, filters. */
  extra?: ReactNode;
  children: ReactNode;
}

/** A page under its heading; the window's title follows it. */
export function Page({ title, extra, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Deputy`;
  }, [title]);
  return (
    <section className="page" aria-label={title}>
      <Flex justify="space-between" align="center" gap="small" wrap className="page-head">
        <Typography.Title level={1}>{title}</Typography.Title>
        {extra}
      </Flex>
      {children}
    </section>
  );
}
