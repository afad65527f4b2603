import { oneLine } from '../lib/text/clean.ts'
import { type Html, html } from './html.ts'

/** A circle of things that wait for each other, as a finding's diagram has it. */
export interface Ring {
  readonly nodes: readonly string[]
  readonly edges: readonly { readonly from: number; readonly to: number; readonly label: string }[]
}

const node = String.raw`(?<id>[A-Za-z]\w*)\["(?<label>[^"]*)"\]`
const edge = String.raw`(?<from>[A-Za-z]\w*) (?:-->|-\.->|==>|---)(?:\|"?(?<text>[^"|]*)"?\|)? (?<to>[A-Za-z]\w*)`
const lineOf = { node: new RegExp(`^\\s*${node};?\\s*$`), edge: new RegExp(`^\\s*${edge};?\\s*$`) } as const

/** A circle of more would be no picture. */
const most = 12

/** Reads the flowcharts that findings have: nodes with quoted labels, arrows between them. Null for any other. */
export function ringOf(diagram: string): Ring | null {
  const [first = '', ...lines] = diagram.trim().split('\n')
  if (!/^\s*(?:flowchart|graph) (?:TB|TD|BT|LR|RL)\s*;?$/.test(first)) return null
  const ids: string[] = []
  const nodes: string[] = []
  const edges: { from: number; to: number; label: string }[] = []
  for (const text of lines.filter(each => each.trim() !== '')) {
    const named = lineOf.node.exec(text)?.groups
    const arrow = lineOf.edge.exec(text)?.groups
    if (nodes.length > most || edges.length > 3 * most) return null
    if (named !== undefined) {
      ids.push(named['id'] ?? '')
      nodes.push(oneLine(named['label'] ?? '', 200))
    } else if (arrow !== undefined) {
      const [from, to] = [ids.indexOf(arrow['from'] ?? ''), ids.indexOf(arrow['to'] ?? '')]
      if (from < 0 || to < 0) return null
      edges.push({ from, to, label: oneLine(arrow['text'] ?? '', 200) })
    } else return null
  }
  return nodes.length > 0 && nodes.length <= most && edges.length <= 3 * most ? { nodes, edges } : null
}

interface Point {
  readonly x: number
  readonly y: number
}

/** Sizes in units of the picture: a letter of 13 units' height is about 7 wide. */
const letter = { width: 7.2, bold: 8.1, height: 17 } as const
const wide = { node: 24, edge: 19 } as const

/**
 * Draws it: the nodes on a circle, clockwise from the top, the arrows bent outwards with their words beside
 * them. Positions are whole numbers of a formula, so that the same ring is the same picture.
 */
export function drawRing({ nodes, edges }: Ring, id: string): Html {
  const boxes = nodes.map(label => {
    const lines = wrapped(label, wide.node)
    const letters = Math.max(...lines.map(text => text.length), 4)
    return { lines, w: letters * letter.bold + 22, h: lines.length * letter.height + 14 }
  })
  const labels = edges.map(({ label }) => wrapped(label, wide.edge))
  const radius = nodes.length === 1 ? 0 : Math.max(92, nodes.length * 38)
  const reach = Math.max(...boxes.map(({ w }) => w / 2), radius * 0.62 + wide.edge * letter.width + 6)
  const size = {
    w: 2 * (radius * (nodes.length > 2 ? 0.6 : 0) + reach),
    h: 2 * radius + Math.max(...boxes.map(({ h }) => h), nodes.length === 1 ? 140 : 0) + 16
  }
  const centre = { x: size.w / 2, y: size.h / 2 }
  const place = (at: number): Point => {
    const turn = (2 * Math.PI * at) / nodes.length - Math.PI / 2
    return { x: centre.x + radius * Math.cos(turn), y: centre.y + radius * Math.sin(turn) }
  }
  const places = nodes.map((_, at) => place(at))

  const arrows = edges.map(({ from, to }, at) => {
    const [a = centre, b = centre] = [places[from], places[to]]
    const bend = from === to ? { x: a.x + 150, y: a.y } : bendOf(a, b, centre)
    const [start, end] =
      from === to
        ? [rim(a, boxes[from], { x: a.x + 60, y: a.y - 60 }), rim(b, boxes[to], { x: b.x + 60, y: b.y + 60 })]
        : [rim(a, boxes[from], bend), rim(b, boxes[to], bend)]
    const middle = {
      x: (start.x + 2 * bend.x + end.x) / 4,
      y: (start.y + 2 * bend.y + end.y) / 4
    }
    // The words stand outside of the bend, so that the arrow does not cross them.
    const side = middle.x > centre.x + 8 ? 'start' : middle.x < centre.x - 8 ? 'end' : 'middle'
    const x = side === 'start' ? middle.x + 8 : side === 'end' ? middle.x - 8 : middle.x
    return html`<path class="arrow" d="M${n(start.x)} ${n(start.y)}Q${n(bend.x)} ${n(bend.y)} ${n(end.x)} ${n(end.y)}" marker-end="url(#${id}-tip)"/>
${textLines(labels[at] ?? [], { x, y: middle.y }, side, 'edge')}`
  })
  const drawn = boxes.map((box, at) => {
    const { x, y } = places[at] ?? centre
    return html`<rect class="node" x="${n(x - box.w / 2)}" y="${n(y - box.h / 2)}" width="${n(box.w)}" height="${n(box.h)}" rx="6"/>
${textLines(box.lines, { x, y }, 'middle', 'name')}`
  })
  return html`<svg class="ring" viewBox="0 0 ${n(size.w)} ${n(size.h)}" width="${n(size.w)}" height="${n(size.h)}" aria-hidden="true" focusable="false">
<defs><marker id="${id}-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0L10 5L0 10z"/></marker></defs>
${arrows}
${drawn}
</svg>`
}

/** Outwards from the centre; between two nodes to the right of the way from one to the other. */
function bendOf(a: Point, b: Point, centre: Point): Point {
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
  const away = { x: middle.x - centre.x, y: middle.y - centre.y }
  const far = Math.hypot(away.x, away.y)
  if (far < 1) {
    const across = { x: -(b.y - a.y), y: b.x - a.x }
    const length = Math.hypot(across.x, across.y) || 1
    const out = length * 0.62
    return { x: middle.x - (across.x / length) * out, y: middle.y - (across.y / length) * out }
  }
  return { x: middle.x + (away.x / far) * far * 0.55, y: middle.y + (away.y / far) * far * 0.55 }
}

/** Where the line from a box's middle to that point leaves the box, a little outside. */
function rim(at: Point, box: { readonly w: number; readonly h: number } | undefined, to: Point): Point {
  const [dx, dy] = [to.x - at.x, to.y - at.y]
  const [w, h] = [(box?.w ?? 0) / 2 + 4, (box?.h ?? 0) / 2 + 4]
  const scale = Math.min(w / Math.max(Math.abs(dx), 0.001), h / Math.max(Math.abs(dy), 0.001))
  return { x: at.x + dx * scale, y: at.y + dy * scale }
}

function textLines(lines: readonly string[], at: Point, anchor: string, kind: string): Html {
  const top = at.y - ((lines.length - 1) * letter.height) / 2 + 4.5
  return html`<text class="${kind}" text-anchor="${anchor}">${lines.map(
    (text, index) => html`<tspan x="${n(at.x)}" y="${n(top + index * letter.height)}">${text}</tspan>`
  )}</text>`
}

function n(value: number): number {
  return Math.round(value)
}

/** At spaces, and where a word is longer than a line behind its punctuation; at most four lines. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let current = ''
  for (const piece of text.match(/[^\s/.:-]*[\s/.:-]*/g) ?? []) {
    for (let rest = piece; rest !== ''; rest = rest.slice(width)) {
      const next = rest.slice(0, width)
      if (`${current}${next}`.trimEnd().length > width && current !== '') {
        lines.push(current.trimEnd())
        current = ''
      }
      current += next
    }
  }
  lines.push(current.trimEnd())
  const shown = lines.filter(each => each !== '')
  return shown.length <= 4 ? shown : [...shown.slice(0, 3), '…']
}
