import { type Block, blocksOf } from './blocks.ts'
import { type Html, html } from './html.ts'
import { drawRing, type Ring, ringOf } from './ring.ts'
import { type Span, spansOf } from './spans.ts'

/** A section of a review file as a page shows it. */
export interface Prose {
  /** Its first diagram that is a circle we can draw, with its words; null: it has none. */
  readonly ring: Html | null
  /** The rest. Links, images and HTML come out as the text that they are in the file. */
  readonly words: Html
}

/** @param id for what the picture refers to within the page. */
export function proseOf(markdown: string, id: string): Prose {
  const read = blocksOf(markdown)
  const rings = read.flatMap(each => {
    const ring = ringIn(each)
    return ring === null ? [] : [ring]
  })
  const [first] = rings
  return { ring: first === undefined ? null : picture(first, id), words: html`${read.map(block)}` }
}

function ringIn(block: Block): Ring | null {
  return block.kind === 'code' && block.info === 'mermaid' ? ringOf(block.text) : null
}

function picture(ring: Ring, id: string): Html {
  const name = (at: number) => ring.nodes[at] ?? ''
  return html`<figure class="circle">
<div class="scroll" tabindex="0" role="group" aria-label="The circle, as a picture; its words follow">${drawRing(ring, id)}</div>
<figcaption><ol class="steps">${ring.edges.map(
    ({ from, to, label }) => html`<li><b>${name(from)}</b> ${label} <b>${name(to)}</b></li>`
  )}</ol></figcaption>
</figure>`
}

function block(node: Block): Html {
  switch (node.kind) {
    case 'paragraph':
      return html`<p>${inline(node.text)}</p>`
    case 'heading':
      return html`<p><b>${inline(node.text)}</b></p>`
    case 'code':
      // A circle has been drawn already.
      return ringIn(node) === null ? html`<pre tabindex="0">${node.text}</pre>` : html``
    case 'list':
      return html`<ul>${node.items.map(item => html`<li>${item.map(tight)}</li>`)}</ul>`
    case 'quote':
      return html`<blockquote>${node.blocks.map(block)}</blockquote>`
    case 'html':
      return folding(node.text)
  }
}

/** Of the folds that reviews have only the words stay: what is in them is shown. */
function folding(source: string): Html {
  const summary = /^<details><summary>(?<words>[^<>]*)<\/summary>$/.exec(source)?.groups?.['words']
  if (summary !== undefined) return html`<p class="quiet">${summary}</p>`
  return source === '</details>' ? html`` : html`<p>${source}</p>`
}

function tight(node: Block): Html {
  return node.kind === 'paragraph' ? html`${inline(node.text)}` : block(node)
}

function inline(text: string): readonly Html[] {
  return spansOf(text).map(span)
}

function span({ kind, text }: Span): Html {
  switch (kind) {
    case 'text':
      return html`${text}`
    case 'code':
      return html`<code>${text}</code>`
    case 'strong':
      return html`<b>${nested(text)}</b>`
    case 'emphasis':
      return html`<em>${nested(text)}</em>`
    case 'break':
      return html`<br>`
  }
}

/** Within bold and emphasis there is code, and nothing else. */
function nested(text: string): readonly Html[] {
  return spansOf(text).map(each =>
    each.kind === 'code' || each.kind === 'break' ? span(each) : html`${each.text}`
  )
}
