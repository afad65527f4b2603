import { isMap, isScalar, isSeq } from 'yaml'
import { readYaml, YamlTooDeep } from '../../lib/read-yaml.ts'

/** A service as its stack or compose file wants it. */
export interface StackService {
  /** Its full name: `<stack>_<service>`, or the bare one where no stack was named. */
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
}

export interface StackFile {
  readonly services: readonly StackService[]
  /** Networks that have to be there before. */
  readonly external: readonly string[]
  /** It is not YAML, or not of this shape. */
  readonly unclear: boolean
}

/** Reads a stack file. Variables in it are as written: who deploys it fills them in before. */
export function servicesOfStack(stack: string, text: string): StackFile {
  const root = rootOf(text.slice(0, 1_000_000))
  if (!isMap(root)) return { services: [], external: [], unclear: true }
  const services = entries(root.get('services')).map(([name, value]) => ({
    name: stack === '' ? name : `${stack}_${name}`,
    image: said(isMap(value) ? value.get('image') : null),
    labels: Object.fromEntries(
      isMap(value) ? [...labelsOf(value.get('labels')), ...labelsOf(deployOf(value))] : []
    )
  }))
  const external = entries(root.get('networks')).flatMap(([key, value]) =>
    isMap(value) && value.get('external') === true ? [said(value.get('name')) || key] : []
  )
  return { services, external, unclear: false }
}

/** Null: it is no YAML, or nests deeper than is read. */
function rootOf(text: string): unknown {
  try {
    const { contents, errors } = readYaml(text, { logLevel: 'silent', uniqueKeys: false })
    return errors.length > 0 ? null : contents
  } catch (error) {
    if (error instanceof YamlTooDeep) return null
    throw error
  }
}

function deployOf(service: unknown): unknown {
  const deploy = isMap(service) ? service.get('deploy') : null
  return isMap(deploy) ? deploy.get('labels') : null
}

function labelsOf(node: unknown): readonly (readonly [string, string])[] {
  if (isSeq(node))
    return node.items.map(item => {
      const text = said(item)
      const at = text.indexOf('=')
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
    })
  return entries(node).map(([key, value]) => [key, said(value)])
}

function entries(node: unknown): readonly (readonly [string, unknown])[] {
  return isMap(node) ? node.items.map(({ key, value }) => [said(key), value]) : []
}

function said(node: unknown): string {
  const value: unknown = isScalar(node) ? node.value : node
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''
}
