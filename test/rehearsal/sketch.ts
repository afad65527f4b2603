import { settingsOf } from '../../src/systems/languages/unit-file.ts'
import type {
  ContainerFact,
  FileFact,
  HostFact,
  RehearsalFacts,
  Relation,
  UnitFact
} from '../../src/rehearsal/rehearsal-facts.ts'

/** A host in few words: units and files by their texts. */
export interface Sketch {
  readonly units: Readonly<Record<string, string | UnitSketch>>
  /** Executable, each of them. */
  readonly files: Readonly<Record<string, string | FileFact>>
  readonly services?: readonly ServiceSketch[]
  readonly containers?: readonly Partial<ContainerFact>[]
  readonly networks?: readonly { readonly name: string; readonly driver?: string; readonly subnet?: string }[]
  readonly host?: Partial<HostFact>
}

export interface UnitSketch {
  readonly text: string
  readonly path?: string
  readonly dropins?: readonly (readonly [path: string, text: string])[]
  readonly enabled?: boolean
  readonly load?: string
}

export interface ServiceSketch {
  readonly name: string
  readonly image?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly ports?: readonly { readonly PublishedPort: number; readonly TargetPort: number }[]
}

const distribution: Readonly<Record<string, UnitSketch>> = {
  'docker.service': {
    path: '/lib/systemd/system/docker.service',
    text: '[Service]\nType=notify\nExecStart=/usr/bin/dockerd -H fd://\n[Install]\nWantedBy=multi-user.target\n'
  },
  'multi-user.target': { text: '[Unit]\nRequires=basic.target\nAfter=basic.target\n' },
  'basic.target': { text: '[Unit]\n' },
  'network.target': { text: '[Unit]\n' }
}

const keys: Readonly<Record<string, Relation>> = {
  Requires: 'requires',
  Requisite: 'requisite',
  Wants: 'wants',
  BindsTo: 'bindsTo',
  PartOf: 'partOf',
  Conflicts: 'conflicts',
  After: 'after',
  Before: 'before'
}

/** The facts of such a host; who is wanted by a target is ordered before it, as systemd has it. */
export function hostOf({
  units,
  files,
  services = [],
  containers = [],
  networks = [],
  host
}: Sketch): RehearsalFacts {
  const all = Object.entries({ ...distribution, ...units }).map(
    ([name, unit]) => [name, typeof unit === 'string' ? { text: unit } : unit] as const
  )
  const relations = new Map(all.map(([name]) => [name, emptyRelations()]))
  const relate = (name: string, relation: Relation, other: string) =>
    relations.get(name)?.[relation].push(other)
  for (const [name, { text, dropins = [], enabled = true }] of all) {
    const texts = [{ path: name, text }, ...dropins.map(([path, more]) => ({ path, text: more }))]
    for (const { section, key, value } of settingsOf(texts)) {
      for (const other of value.split(/\s+/)) {
        const relation = section === 'Unit' ? keys[key] : undefined
        if (relation !== undefined) relate(name, relation, other)
        if (section === 'Install' && key === 'WantedBy' && enabled) relate(other, 'wants', name)
      }
    }
    if (name.endsWith('.service')) relate(name, 'after', 'basic.target')
  }
  for (const [name] of all) {
    if (!name.endsWith('.target')) continue
    for (const other of [...(relations.get(name)?.wants ?? []), ...(relations.get(name)?.requires ?? [])])
      if (relations.get(other)?.after.includes(name) === false) relate(name, 'after', other)
  }
  return {
    units: all.map(
      ([id, { text, path, dropins = [], load = 'loaded' }]): UnitFact => ({
        id,
        names: id === 'multi-user.target' ? [id, 'default.target'] : [id],
        load,
        relations: relations.get(id) ?? emptyRelations(),
        files: [
          { path: path ?? `/etc/systemd/system/${id}`, text },
          ...dropins.map(([at, more]) => ({ path: at, text: more }))
        ]
      })
    ),
    files: Object.fromEntries(
      Object.entries(files).map(([path, file]): [string, FileFact] => [
        path,
        typeof file === 'string' ? { kind: 'text', text: file, executable: true } : file
      ])
    ),
    host: {
      hostname: 'host',
      addresses: ['127.0.0.1', '198.51.100.2'],
      listeners: [],
      bootAt: 1_800_000_000,
      ...host
    },
    docker: {
      services: services.map(({ name, image = 'app:1', labels = {}, ports = [] }) => ({
        name,
        stack: name.includes('_') ? name.slice(0, name.lastIndexOf('_')) : null,
        image,
        labels,
        ports: ports.map(port => ({ protocol: 'tcp', port: port.PublishedPort, target: port.TargetPort })),
        replicas: 1
      })),
      containers: containers.map(one => ({
        name: '',
        image: 'app:1',
        labels: {},
        ports: [],
        comesBack: null,
        ...one
      })),
      networks: networks.map(({ name, driver = 'overlay', subnet }) => ({
        name,
        driver,
        subnets: subnet === undefined ? [] : [subnet]
      }))
    }
  }
}

function emptyRelations(): Record<Relation, string[]> {
  return {
    requires: [],
    requisite: [],
    wants: [],
    bindsTo: [],
    partOf: [],
    conflicts: [],
    after: [],
    before: []
  }
}
