import { settingsOf } from '../../src/systems/languages/unit-file.ts'
import type { FileFact, RehearsalFacts, Relation, UnitFact } from '../../src/rehearsal/rehearsal-facts.ts'

/** A host in few words: units and files by their texts. */
export interface Sketch {
  readonly units: Readonly<Record<string, string>>
  /** Executable, each of them. */
  readonly files: Readonly<Record<string, string>>
}

const distribution: Readonly<Record<string, string>> = {
  'docker.service':
    '[Service]\nType=notify\nExecStart=/usr/bin/dockerd -H fd://\n[Install]\nWantedBy=multi-user.target\n',
  'multi-user.target': '[Unit]\nRequires=basic.target\nAfter=basic.target\n',
  'basic.target': '[Unit]\n'
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

export function hostOf({ units, files }: Sketch): RehearsalFacts {
  const texts = Object.entries({ ...distribution, ...units })
  const relations = new Map(texts.map(([name]) => [name, emptyRelations()]))
  const relate = (name: string, relation: Relation, other: string) =>
    relations.get(name)?.[relation].push(other)
  for (const [name, text] of texts) {
    for (const { section, key, value } of settingsOf([{ path: name, text }])) {
      for (const other of value.split(/\s+/)) {
        const relation = section === 'Unit' ? keys[key] : undefined
        if (relation !== undefined) relate(name, relation, other)
        if (section === 'Install' && key === 'WantedBy') {
          relate(other, 'wants', name)
          relate(other, 'after', name)
        }
      }
    }
  }
  return {
    units: texts.map(
      ([id, text]): UnitFact => ({
        id,
        names: id === 'multi-user.target' ? [id, 'default.target'] : [id],
        load: 'loaded',
        relations: relations.get(id) ?? emptyRelations(),
        files: [{ path: `/etc/systemd/system/${id}`, text }]
      })
    ),
    files: Object.fromEntries(
      Object.entries(files).map(([path, text]): [string, FileFact] => [
        path,
        { kind: 'text', text, executable: true }
      ])
    ),
    host: {
      hostname: 'host',
      addresses: ['127.0.0.1', '198.51.100.2'],
      listeners: [],
      bootAt: 1_800_000_000
    },
    docker: { services: [], containers: [], networks: [] }
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
