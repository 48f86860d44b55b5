import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineTable, tables, type RowBase } from './table.ts'

interface LampRow extends RowBase {
  readonly room: string
}

test('S1: a table is declared once: another declaration of its name is refused, and the first one stays what it is', () => {
  const lamps = defineTable<LampRow>('table_lamps', { guarded: true, columns: { room: 'text' } })
  const count = tables.size
  const again = [
    () => defineTable<LampRow>('table_lamps', { guarded: true, columns: { room: 'text' } }),
    // What would take the seal from its rows, or hide a column from their digest.
    () => defineTable<LampRow>('table_lamps', { guarded: false, columns: { room: 'text' } }),
    () => defineTable<RowBase>('table_lamps', { guarded: true, columns: {} }),
  ]
  for (const declare of again) assert.throws(declare, /S1: table table_lamps is declared once/)
  assert.equal(tables.size, count)
  assert.equal(tables.get('table_lamps'), lamps)
  assert.equal(lamps.guarded, true)
  assert.deepEqual([...lamps.columns.keys()].sort(), ['id', 'room', 'version'])
  tables.delete('table_lamps')
})

test('S1: tables whose names differ at all are two', () => {
  const names = ['table_pots', 'table_pot', 'table_Pots', '__proto__']
  const declared = names.map((name) => defineTable<RowBase>(name, { columns: {} }))
  assert.deepEqual(names.map((name) => tables.get(name)), declared)
  for (const name of names) tables.delete(name)
})
