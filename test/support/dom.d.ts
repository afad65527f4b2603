/**
 * The few types of a browser that the types of playwright-core and axe-core name, as far as the tests use them. TypeScript's
 * `dom` library would give all sources a `document` and a `window` that Node does not have.
 */

interface Node {
  readonly textContent: string | null
}

interface Element extends Node {
  readonly innerHTML: string
  closest(selector: string): Element | null
  getAttribute(name: string): string | null
  getBoundingClientRect(): {
    readonly left: number
    readonly right: number
    readonly top: number
    readonly bottom: number
  }
}

interface NodeList {}
interface DOMRect {}
interface Document {}
interface Window {}
interface HTMLElement extends Element {}
interface SVGElement extends Element {}
interface HTMLElementTagNameMap {}

declare function getComputedStyle(element: Element): { readonly color: string }
