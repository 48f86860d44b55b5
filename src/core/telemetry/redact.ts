/**
 * Redaction, derived from the schemas.
 *
 * Invariant T2: what a schema marks as secret, however deep, in whatever form, reaches no log and no stored answer.
 *
 * @module
 */

/** Marks a schema's field whose value must never reach a log, an entry, or a replayed answer. */
export const secretMark = 'x-claviger-secret'

/** The parts of a JSON schema that lead to fields. */
interface SchemaNode {
  readonly [secretMark]?: unknown
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  /** Several: a tuple's, as TypeBox writes it. */
  readonly items?: SchemaNode | readonly SchemaNode[]
  readonly anyOf?: readonly SchemaNode[]
  readonly allOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
}

const alternativesOf = (node: SchemaNode): readonly SchemaNode[] => [...(node.anyOf ?? []), ...(node.allOf ?? []), ...(node.oneOf ?? [])]

const itemsOf = ({ items }: SchemaNode): readonly SchemaNode[] => (items === undefined ? [] : [items].flat())

/** What describes members whose names the schema does not say: those of a record. */
const unnamedOf = ({ patternProperties = {}, additionalProperties }: SchemaNode): readonly SchemaNode[] => [
  ...Object.values(patternProperties), ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
]

/** Marked itself or in what it is made of: a nullable secret is one, and so is a list or a record of secrets. */
const isSecret = (node: SchemaNode): boolean =>
  node[secretMark] === true || [...alternativesOf(node), ...itemsOf(node), ...unnamedOf(node)].some(isSecret)

/** The names of all fields that a schema marks, however deep. */
export function secretFieldsOf(schema: object): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (node: SchemaNode): void => {
    for (const [name, field] of Object.entries(node.properties ?? {})) {
      if (isSecret(field)) names.add(name)
      visit(field)
    }
    for (const inner of [...itemsOf(node), ...unnamedOf(node), ...alternativesOf(node)]) visit(inner)
  }
  visit(schema)
  return names
}

/**
 * A function that copies a value of this schema without its secret fields, and leaves what it was given alone. Nothing is
 * left of a value that is a secret as a whole.
 */
export function redactorFor(schema: object): (value: unknown) => unknown {
  return isSecret(schema) ? () => null : (value) => without(value, [schema])
}

/** @param nodes every schema node that describes the value: alternatives are followed all at once */
function without(value: unknown, nodes: readonly SchemaNode[]): unknown {
  if (typeof value !== 'object' || value === null || nodes.length === 0) return value
  const all = nodes.flatMap(withAlternatives)
  if (Array.isArray(value)) {
    const items = all.flatMap(itemsOf)
    return value.map((element: unknown) => without(element, items))
  }
  const kept: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    const fields = all.flatMap((node) => node.properties?.[name] ?? unnamedOf(node))
    if (!fields.some(isSecret)) kept[name] = without(member, fields)
  }
  return kept
}

const withAlternatives = (node: SchemaNode): readonly SchemaNode[] => [node, ...alternativesOf(node).flatMap(withAlternatives)]
