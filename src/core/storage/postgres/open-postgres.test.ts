import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { boxesOf, boxIs, conflict, insertBox, put } from '../conformance/harness.ts'
import { skip, withServer } from './fixture.ts'
import { openPostgres } from './open-postgres.ts'

test('a commit waits for whoever is changing a row that it counts on, and sees what became of it', { skip }, () =>
  withServer(async (storage, client) => {
    await put(storage, { writes: [insertBox('a')] })
    await client.query('BEGIN')
    await client.query(`UPDATE boxes SET version = 2 WHERE id = 'a'`)
    const counting = put(storage, { expects: [boxIs('a', 1)], writes: [insertBox('b')] })
    const waiting = assert.rejects(counting, conflict('version', 'boxes'))
    await sleep(100)
    await client.query('COMMIT')
    await waiting
    assert.equal((await boxesOf(storage)).length, 1)
  }))

test('a commit is durable when it is acknowledged, whatever the database is set to', { skip }, () =>
  withServer(async (storage, client) => {
    const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name')
    await client.query(`ALTER DATABASE ${rows[0]?.name} SET synchronous_commit = off`)
    await client.query(`CREATE TABLE seen (setting TEXT)`)
    await client.query(`CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$`)
    await client.query(`CREATE TRIGGER see AFTER INSERT ON boxes EXECUTE FUNCTION see()`)
    // Several at once, so that connections are made after the setting.
    await Promise.all(Array.from({ length: 4 }, (_, index) => put(storage, { writes: [insertBox(`box${index}`)] })))
    const seen = await client.query<{ setting: string }>('SELECT DISTINCT setting FROM seen')
    assert.deepEqual(seen.rows.map((row) => row.setting), ['on'])
  }))

test('a database that is not there, or goes away, is unavailable; commits find it again', { skip }, () =>
  withServer(async (storage, client) => {
    const nowhere = openPostgres({ connectionString: 'postgres://127.0.0.1:1/none', migrations: [] })
    await assert.rejects(nowhere, { code: 'storage/unavailable' })
    await put(storage, { writes: [insertBox('a')] })
    await client.query('BEGIN')
    await client.query('LOCK TABLE boxes')
    const waiting = assert.rejects(put(storage, { writes: [insertBox('b')] }), { code: 'storage/unavailable' })
    await sleep(100)
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`)
    await waiting
    await client.query('ROLLBACK')
    // One connection after another is found to be broken, and replaced.
    for (let attempt = 0; ; attempt++) {
      try {
        await put(storage, { writes: [insertBox(`b${attempt}`)] })
        break
      } catch (error) {
        assert.ok(attempt < 10, String(error))
        await sleep(20)
      }
    }
    await storage.probe()
  }))
