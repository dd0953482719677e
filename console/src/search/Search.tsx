// The button of the search, and the keys that open it everywhere: Ctrl or Cmd with K, and a slash.
import { SearchOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import './search.css';

const Palette = lazy(() => import('./Palette'));
const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** What stands in the bar. */
export function Search() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      const key = event.key.toLowerCase();
      const writing = event.target instanceof HTMLElement && event.target.matches('input, textarea, select, [contenteditable=true]');
      const asked = (key === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey) || (key === '/' && !writing && !event.ctrlKey && !event.metaKey);
      if (!asked || event.isComposing) return;
      event.preventDefault();
      setOpen(true);
    };
    window.addEventListener('keydown', heard);
    return () => window.removeEventListener('keydown', heard);
  }, []);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <>
      <Button
        ref={button}
        className="search-button"
        icon={<SearchOutlined aria-hidden />}
        onClick={() => setOpen(true)}
        aria-haspopup="dialog"
        aria-keyshortcuts="Control+K Meta+K"
      >
        <span className="search-label">{t('search.open')}</span>
        <kbd className="search-keys" aria-hidden="true">{MAC ? t('search.keysMac') : t('search.keys')}</kbd>
      </Button>
      {open && (
        <Suspense fallback={null}>
          <Palette onClose={close} />
        </Suspense>
      )}
    </>
  );
}
