import type { Nodes, RootContent } from 'mdast'
import { remark } from 'remark'
import { proseBounds } from '../base/bounds.ts'
import { drawRing, ringOf } from './ring.ts'
import { type Html, html } from './html.ts'

/**
 * A section of a review file as a page shows it. The parser says what is a paragraph, a list or a block of
 * code; everything else, links, images and HTML among it, comes out as the text that it is in the file.
 */
export function prose(markdown: string): Html {
  const { children } = remark().parse(markdown.slice(0, proseBounds.characters))
  return html`${children.map(block)}`
}

/** The first diagram of a section that is a circle we can draw, with its words; null: it has none. */
export function ringIn(markdown: string, id: string): Html | null {
  const { children } = remark().parse(markdown.slice(0, proseBounds.characters))
  for (const node of children) {
    const ring = node.type === 'code' && node.lang === 'mermaid' ? ringOf(node.value) : null
    if (ring === null) continue
    const name = (at: number) => ring.nodes[at] ?? ''
    return html`<figure class="circle">
<div class="scroll" tabindex="0" role="group" aria-label="The circle, as a picture; its words follow">${drawRing(ring, id)}</div>
<figcaption><ol class="steps">${ring.edges.map(
      ({ from, to, label }) => html`<li><b>${name(from)}</b> ${label} <b>${name(to)}</b></li>`
    )}</ol></figcaption>
</figure>`
  }
  return null
}

function block(node: RootContent): Html {
  switch (node.type) {
    case 'paragraph':
      return html`<p>${node.children.map(inline)}</p>`
    case 'heading':
      return html`<p><b>${node.children.map(inline)}</b></p>`
    case 'code':
      // A circle has been drawn already.
      return node.lang === 'mermaid' && ringOf(node.value) !== null
        ? html``
        : html`<pre tabindex="0">${node.value}</pre>`
    case 'list':
      return html`<ul>${node.children.map(item => html`<li>${item.children.map(tight)}</li>`)}</ul>`
    case 'blockquote':
      return html`<blockquote>${node.children.map(block)}</blockquote>`
    case 'thematicBreak':
      return html``
    case 'html':
      return folding(node.value)
    default:
      return html`<p>${plain(node)}</p>`
  }
}

/** Of the folds that reviews have only the words stay: what is in them is shown. */
function folding(source: string): Html {
  const summary = /^<details><summary>(?<words>[^<>]*)<\/summary>$/.exec(source)?.groups?.['words']
  if (summary !== undefined) return html`<p class="quiet">${summary}</p>`
  return source === '</details>' ? html`` : html`<p>${source}</p>`
}

function tight(node: RootContent): Html {
  return node.type === 'paragraph' ? html`${node.children.map(inline)}` : block(node)
}

function inline(node: Nodes): Html {
  switch (node.type) {
    case 'text':
      return html`${node.value}`
    case 'inlineCode':
      return html`<code>${node.value}</code>`
    case 'strong':
      return html`<b>${node.children.map(inline)}</b>`
    case 'emphasis':
      return html`<em>${node.children.map(inline)}</em>`
    case 'break':
      return html`<br>`
    default:
      return html`${plain(node)}`
  }
}

function plain(node: Nodes): string {
  if ('children' in node) return node.children.map(plain).join('')
  return 'value' in node ? node.value : ''
}
