/** A router that Traefik makes of a service's labels. */
export interface Route {
  readonly router: string
  readonly rule: string
  /** The service whose label it is, and the label, for quoting. */
  readonly service: string
  readonly label: string
  /** The higher number is asked first. Traefik's default is the length of the rule. */
  readonly priority: number
  /** The Traefik service it leads to, where the labels name one: `api@internal`, `blog`. */
  readonly target: string | null
}

/** Whether a rule lets a URL through; null where that cannot be told from the URL alone. */
export type Match = boolean | null

/** The HTTP routers among a service's labels. */
export function routesOf(service: string, labels: Readonly<Record<string, string>>): readonly Route[] {
  return Object.entries(labels).flatMap(([label, rule]) => {
    const [, router] = /^traefik\.http\.routers\.([^.]+)\.rule$/i.exec(label) ?? []
    if (router === undefined) return []
    const prefix = label.slice(0, -'rule'.length)
    const priority = Number(labels[`${prefix}priority`])
    return [
      {
        router,
        rule,
        service,
        label: `${label}=${rule}`,
        priority: Number.isInteger(priority) && priority > 0 ? priority : rule.length,
        target: labels[`${prefix}service`] ?? null
      }
    ]
  })
}

/** Traefik's labels in the text of a stack file, as a list or as a map, of all its services together. */
export function labelsOfStack(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const [, key, value] =
      /^\s*(?:-\s*)?["']?(traefik\.[\w.@-]{1,200})["']?\s*[=:](.*)/s.exec(line.slice(0, 5_000)) ?? []
    if (key !== undefined && value !== undefined)
      labels[key] = value
        .trim()
        .replaceAll(/^["']|["']$/g, '')
        .replaceAll('\\"', '"')
  }
  return labels
}

/**
 * Who answers a URL: the first of the routes by priority. `unsure` are routes before it whose rule asks for
 * more than host and path.
 */
export function routeFor(
  routes: readonly Route[],
  host: string,
  path: string | null
): { readonly route: Route | null; readonly unsure: readonly Route[] } {
  const unsure: Route[] = []
  for (const route of [...routes].sort((a, b) => b.priority - a.priority)) {
    const match = matches(route.rule, host, path)
    if (match === true) return { route, unsure }
    if (match === null) unsure.push(route)
  }
  return { route: null, unsure }
}

/**
 * Judges a rule of Traefik 2 or 3: `Host(…)`, `PathPrefix(…)`, `Path(…)`, `&&`, `||`, `!`, brackets. Every
 * other matcher (HostRegexp, Headers, …) and every text that is no rule is `null`.
 *
 * @param path null where it is not known.
 * @param others judges the other matchers, their names in lower case, for who knows more of a request.
 */
export function matches(
  rule: string,
  host: string,
  path: string | null,
  others: (matcher: string, values: readonly string[]) => Match = () => null
): Match {
  const words = rule.slice(0, 4_000).match(/&&|\|\||[!(),]|`[^`]*`|"[^"]*"|'[^']*'|[A-Za-z]+|\S/g) ?? []
  let at = 0
  let depth = 0
  const value = either()
  return at === words.length ? value : null

  function either(): Match {
    let value = both()
    while (words[at] === '||') {
      at += 1
      const next = both()
      value = value === true || next === true ? true : value === null || next === null ? null : false
    }
    return value
  }

  function both(): Match {
    let value = single()
    while (words[at] === '&&') {
      at += 1
      const next = single()
      value = value === false || next === false ? false : value === null || next === null ? null : true
    }
    return value
  }

  function single(): Match {
    depth += 1
    const value = depth > 100 ? null : part()
    depth -= 1
    return value
  }

  function part(): Match {
    const word = words[at] ?? ''
    at += 1
    if (word === '!') {
      const inner = single()
      return inner === null ? null : !inner
    }
    if (word === '(') {
      const inner = either()
      if (words[at] === ')') at += 1
      return inner
    }
    if (!/^[A-Za-z]/.test(word) || words[at] !== '(') return null
    const values: string[] = []
    for (at += 1; at < words.length && words[at] !== ')'; at++) {
      if (words[at] !== ',') values.push((words[at] ?? '').replaceAll(/^[`"']|[`"']$/g, ''))
    }
    at += 1
    return matcher(word.toLowerCase(), values)
  }

  function matcher(name: string, values: readonly string[]): Match {
    if (name === 'host') return values.some(value => value.toLowerCase() === host.toLowerCase())
    // Braces are a pattern in Traefik 2.
    if (name === 'method') return values.includes('GET') ? true : null
    if (path === null || values.some(value => value.includes('{'))) return others(name, values)
    if (name === 'pathprefix') return values.some(value => path.startsWith(value))
    if (name === 'path') return values.includes(path)
    return others(name, values)
  }
}
