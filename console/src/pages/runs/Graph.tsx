// The graph of origins: sources left, the effect right; a list beside it says the same in words.
import { Background, Controls, type Edge, Handle, type Node, type NodeProps, Position, ReactFlow } from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '~/api/client';
import { short as cut, visible } from '~/lib/visible';
import { useDark } from '~/shell/theme';

type Found = Schemas['Provenance'];
type Shown = Node<{ title: string; text: string; trust: string; root: boolean }>;
const WIDTH = 280;
const HEIGHT = 110;

/** How far each node is from the effect. */
function depths(found: Found): Map<string, number> {
  const depth = new Map<string, number>([[found.nodes[0]?.id ?? '', 0]]);
  for (let round = 0; round < found.nodes.length; round += 1) {
    let changed = false;
    for (const edge of found.edges) {
      const target = depth.get(edge.target);
      const known = depth.get(edge.source) ?? -1;
      if (target !== undefined && known < target + 1 && target + 1 < found.nodes.length && edge.source !== found.nodes[0]?.id) {
        depth.set(edge.source, target + 1);
        changed = true;
      }
    }
    if (!changed) break;
  }
  return depth;
}

function Box({ data }: NodeProps<Shown>) {
  return (
    <div className={`graph-node ${data.trust} ${data.root ? 'root' : ''}`}>
      <Handle type="target" position={Position.Left} />
      <strong className="one-line">{data.title}</strong>
      <span className="said">{data.text}</span>
      <Handle type="source" position={Position.Right} />
    </div>
  );
}

const KINDS = { box: Box };

/** The graph. */
export default function Graph({ found }: { found: Found }) {
  const { t } = useTranslation('runs');
  const dark = useDark();
  const { nodes, edges } = useMemo(() => {
    const depth = depths(found);
    const last = Math.max(...depth.values(), 0);
    const rows = new Map<number, number>();
    const shown: Shown[] = found.nodes.map((node, place) => {
      const column = depth.get(node.id) ?? last;
      const row = rows.get(column) ?? 0;
      rows.set(column, row + 1);
      const by = (node.by ?? '').replace(/^person:/, '');
      const title = node.kind === 'effect' ? node.title : t(`nodes.${node.kind}`, { by, what: node.title });
      return {
        id: node.id,
        type: 'box',
        position: { x: (last - column) * WIDTH, y: row * HEIGHT },
        data: { title: visible(title), text: visible(cut(node.text, 80)), trust: node.trust, root: place === 0 },
      };
    });
    const drawn: Edge[] = found.edges.map((edge, place) => ({
      id: String(place),
      source: edge.source,
      target: edge.target,
      label: visible(cut(edge.argument ?? t(`edges.${edge.kind}`), 30)),
      animated: false,
      style: edge.exact ? {} : { strokeDasharray: '5 4' },
    }));
    return { nodes: shown, edges: drawn };
  }, [found, t]);
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={KINDS}
      colorMode={dark ? 'dark' : 'light'}
      fitView
      minZoom={0.1}
      nodesDraggable={false}
      nodesConnectable={false}
      edgesFocusable={false}
      proOptions={{ hideAttribution: true }}
      aria-label={t('origins.graph')}
    >
      <Background />
      <Controls showInteractive={false} />
    </ReactFlow>
  );
}
