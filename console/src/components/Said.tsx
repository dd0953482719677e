// Text that a model, a tool, a mail or a stranger wrote: shown as text, with what hides in it made visible.
import { Button } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { short, visible } from '~/lib/visible';

interface Props {
  text: string;
  /** Most characters shown before a button offers the rest. */
  most?: number;
  /** As written, in one width of letters. */
  mono?: boolean;
}

const STEP = 50_000;

/** What somebody wrote, as they wrote it. */
export function Said({ text, most = 2_000, mono = false }: Props) {
  const { t } = useTranslation();
  const [shown, show] = useState(most);
  const seen = useMemo(() => visible(short(text, shown)), [text, shown]);
  return (
    <span className={mono ? 'said mono' : 'said'} dir="auto">
      {seen}
      {text.length > shown && (
        <Button size="small" type="link" onClick={() => show(shown + STEP)}>
          {t('said.more', { count: text.length - shown })}
        </Button>
      )}
    </span>
  );
}
