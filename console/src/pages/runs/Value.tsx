// A value as JSON has it: texts as text, small objects by their members, everything else as it is written.
import { Said } from '~/components/Said';

/** A value. */
export function Value({ value }: { value: unknown }) {
  if (typeof value === 'string') return <Said text={value} most={600} />;
  return <Said mono most={2_000} text={value === undefined ? '' : JSON.stringify(value, null, 1)} />;
}

/** Members by name. */
export function Members({ of }: { of: Record<string, unknown> }) {
  return (
    <dl className="args">
      {Object.entries(of).map(([name, value]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt className="mono">
            <Said text={name} most={80} />
          </dt>
          <dd>
            <Value value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
