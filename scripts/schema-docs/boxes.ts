/** Frames of the picture: what is in one, how Graphviz arranges it, and where it stands. */
import type { Graphviz } from '@hpcc-js/wasm-graphviz'
import { dotDefaults, quote, textNode } from './dot.ts'
import type { Position } from './dot.ts'

/** A frame with nodes that belong together. */
export interface Box {
  readonly name: string
  readonly colour: string
  /** Whether a node that refers to another stands to its right or below it. */
  readonly flow: 'right' | 'down'
  /** Each node by its name: its DOT, once it is known where it stands. */
  readonly nodes: ReadonlyMap<string, NodeDot>
  /** The lines between these nodes. */
  readonly lines: readonly string[]
}

/** Writes a node, at its place when it has one. */
export type NodeDot = (position?: Position) => string

/** A frame whose nodes have found their places in it. */
export interface ArrangedBox extends Box {
  readonly width: number
  readonly height: number
  /** The middle of each node, seen from the left upper corner of the frame. */
  readonly positions: ReadonlyMap<string, Position>
}

/** A frame that has found its place in the picture. */
export interface PlacedBox extends ArrangedBox {
  /** The left upper corner. */
  readonly corner: Position
}

const margin = 18
const gap = 46
const label = 'label of '

/** Lets Graphviz arrange the nodes of one frame as if it were alone, under a label with the frame's name. */
export function arrange(graphviz: Graphviz, box: Box): ArrangedBox {
  const title = measure(graphviz, [labelNode(box)()])
  const content = measure(
    graphviz,
    [...[...box.nodes.values()].map((node) => node()), ...box.lines],
    box.flow === 'right' ? 'LR' : 'TB',
  )
  const top = title.height + margin
  return {
    ...box,
    nodes: new Map([[label + box.name, labelNode(box)], ...box.nodes]),
    width: content.width + 2 * margin,
    height: top + content.height + margin,
    positions: new Map([
      [label + box.name, { x: title.width / 2 + margin / 2, y: -title.height / 2 - margin / 3 }],
      ...content.positions.map(([name, { x, y }]): [string, Position] => [
        name,
        { x: margin + x, y: y - content.height - top },
      ]),
    ]),
  }
}

function labelNode({ name, colour }: Box): NodeDot {
  return (position) => textNode(label + name, [{ text: name, size: 16, colour }], position)
}

/** How much room a drawing takes. */
export interface Measure {
  readonly width: number
  readonly height: number
  /** The middle of each node, seen from the left lower corner. */
  readonly positions: readonly [string, Position][]
}

/** Lets Graphviz arrange a graph, and reads what it did. */
export function measure(
  graphviz: Graphviz,
  graph: readonly string[],
  direction: 'LR' | 'TB' = 'TB',
): Measure {
  const text = [`graph [rankdir=${direction}, nodesep=0.3, ranksep=0.55]`, dotDefaults, ...graph].join('\n')
  // Graphviz documents this format: coordinates are points, as text
  const layout = JSON.parse(graphviz.layout(`digraph {\n${text}\n}`, 'json', 'dot')) as GraphvizJson
  const [, , width = 0, height = 0] = layout.bb.split(',').map(Number)
  const positions = layout.objects.map(({ name, pos }): [string, Position] => {
    const [x = 0, y = 0] = pos.split(',').map(Number)
    return [name, { x, y }]
  })
  return { width, height, positions }
}

interface GraphvizJson {
  readonly bb: string
  readonly objects: readonly { readonly name: string; readonly pos: string }[]
}

/** Puts columns of frames side by side, each frame as wide as its column; `last` goes under the shortest column. */
export function placeColumns(
  columns: readonly (readonly ArrangedBox[])[],
  last: ArrangedBox,
): readonly PlacedBox[] {
  const heights = columns.map(heightOf)
  const shortest = heights.indexOf(Math.min(...heights))
  let x = 0
  return columns.flatMap((boxes, place) => {
    const column = place === shortest ? [...boxes, last] : boxes
    const width = Math.max(...column.map((box) => box.width))
    const placed = column.map((box, row) => widen(box, width, { x, y: -heightOf(column.slice(0, row), gap) }))
    x += width + gap
    return placed
  })
}

/** The height of frames that stand on each other, with what follows them. */
function heightOf(boxes: readonly ArrangedBox[], following = 0): number {
  return boxes.reduce((sum, box, place) => sum + box.height + (place < boxes.length - 1 ? gap : following), 0)
}

function widen(box: ArrangedBox, width: number, corner: Position): PlacedBox {
  const inset = (width - box.width) / 2
  const positions = [...box.positions].map(([name, { x, y }]): [string, Position] => [
    name,
    { x: name.startsWith(label) ? x : x + inset, y },
  ])
  return { ...box, width, corner, positions: new Map(positions) }
}

/** Writes a frame with its nodes at their places. */
export function boxDot({ name, colour, corner, width, height, nodes, positions }: PlacedBox): string {
  const frame = [corner.x, corner.y - height, corner.x + width, corner.y].map((number) => number.toFixed(2))
  const placed = [...nodes].map(([node, dot]) => {
    const { x, y } = positions.get(node) ?? { x: 0, y: 0 }
    return dot({ x: corner.x + x, y: corner.y + y })
  })
  const style = `style="rounded,filled"; color="${colour}50"; fillcolor="${colour}14"; bb="${frame.join(',')}"`
  return `subgraph ${quote(`cluster_${name}`)} {\n${[style, ...placed].join('\n')}\n}`
}
