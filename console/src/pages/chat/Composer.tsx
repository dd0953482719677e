// Where one writes: words, and files beside them.
import { PaperClipOutlined } from '@ant-design/icons';
import Sender from '@ant-design/x/es/sender';
import { Button, Flex, Input, Tag } from 'antd';
import { type ComponentProps, type ReactNode, useCallback, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { Trouble } from '~/components/Trouble';
import { visible } from '~/lib/visible';
import { type Draft, draft } from './sending';

const LARGEST = 4 * 1024 * 1024; // bytes of a file, as the server takes it

interface Props {
  /** Sends what was written; rejects where it could not. */
  send: (what: Draft) => Promise<void>;
  /** Whether files can be put in. */
  files: boolean;
  placeholder: string;
  disabled?: boolean;
  /** What one can do beside writing. */
  extra?: ReactNode;
}

/** The place to write. */
export function Composer({ send, files: takes, placeholder, disabled = false, extra }: Props) {
  const { t } = useTranslation('chat');
  const [text, setText] = useState('');
  const [files, setFiles] = useState<File[]>([]);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [tooLarge, setTooLarge] = useState('');
  const made = useRef<Draft | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const changed = () => {
    made.current = null; // another text is another message
    setError(null);
  };
  const put = useCallback((more: FileList | null) => {
    const found = [...(more ?? [])];
    setTooLarge(found.find(({ size }) => size > LARGEST)?.name ?? '');
    made.current = null;
    setFiles((were) => [...were, ...found.filter(({ size }) => size <= LARGEST)].slice(0, 10));
  }, []);
  const submit = async () => {
    if (sending || disabled || (text.trim() === '' && files.length === 0)) return;
    made.current ??= draft(text, files);
    setSending(true);
    setError(null);
    try {
      await send(made.current);
      made.current = null;
      setText('');
      setFiles([]);
    } catch (why) {
      setError(why);
    } finally {
      setSending(false);
    }
  };
  const label = t('write');
  const components = useMemo(
    () => ({
      input: (props: ComponentProps<typeof Input.TextArea>) => <Input.TextArea {...props} aria-label={label} />,
    }),
    [label],
  );
  const attach = (
    <>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        aria-label={t('attach')}
        onChange={(event) => {
          put(event.target.files);
          event.target.value = '';
        }}
      />
      <Button
        type="text"
        icon={<PaperClipOutlined />}
        aria-label={t('attach')}
        title={t('attach')}
        onClick={() => picker.current?.click()}
      />
    </>
  );
  return (
    <div className="chat-composer">
      {error !== null && <Trouble error={error} again={() => void submit()} />}
      {tooLarge !== '' && (
        <p role="alert" className="chat-warning">
          {t('tooLarge', { name: visible(tooLarge) })}
        </p>
      )}
      {extra}
      <Sender
        value={text}
        onChange={(value) => {
          setText(value);
          changed();
        }}
        onSubmit={() => void submit()}
        onPasteFile={takes ? put : undefined}
        loading={false}
        disabled={disabled}
        placeholder={placeholder}
        autoSize={false}
        components={components}
        prefix={takes ? attach : undefined}
        suffix={(_, { components: { SendButton } }) => (
          <SendButton
            aria-label={t('send')}
            loading={sending}
            disabled={disabled || (text.trim() === '' && files.length === 0)}
          />
        )}
        header={
          files.length > 0 && (
            <Flex gap={4} wrap className="chat-files" component="ul" aria-label={t('attached')}>
              {files.map((file, place) => (
                <li key={place}>
                  <Tag
                    closable={{ 'aria-label': t('detach', { name: visible(file.name) }) }}
                    onClose={(event) => {
                      event.preventDefault();
                      changed();
                      setFiles((were) => were.filter((_, other) => other !== place));
                    }}
                  >
                    {visible(file.name)}
                  </Tag>
                </li>
              ))}
            </Flex>
          )
        }
      />
    </div>
  );
}
