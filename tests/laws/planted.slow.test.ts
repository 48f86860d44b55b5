/** Each law holds of operations that are as they should be, and fails when one is broken on purpose. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { newId } from '#core/base/id'
import { systemRandom } from '#core/crypto/random'
import type { AnyOperation, Call } from '#core/http/operation'
import { exactly } from '#core/http/schema'
import { refusesBadCredentials, hidesExistence, keepsWorkspacesApart } from './law-access.ts'
import { answersDeclaredFaults, isTaken, onlyDeclaredCameOut, refusesTheUnknown } from './law-input.ts'
import { keepsSecrets, noSecretLiesAnywhere } from './law-secrets.ts'
import { failsWhole, leavesItsEntry, namesItsEntry, readsOnly, repeatsOnce } from './law-writes.ts'
import { laws, lawsOfTheRun, type Law } from './laws.ts'
import {
  boxBody, boxes, boxFaults, boxOutput, broken, createBox, getBox, goodOperations, insertOf, listBoxes, newBox, present, renameBox, renamed, requireBox, writeBehind,
  type BoxServices,
} from './planted-operations.ts'
import { openPlanted, type Planting } from './planted-server.ts'

test('every law holds of operations that are as they should be', async () => {
  const subject = await openPlanted({})
  try {
    for (const operation of goodOperations) {
      for (const law of laws.filter(({ appliesTo }) => appliesTo(operation))) await law.holds(subject, operation)
    }
    for (const law of lawsOfTheRun) await law.holds(subject)
  } finally {
    await subject.close()
  }
})

type Input = { readonly params: { readonly boxId: string }; readonly body: { readonly name: string } }

interface Plant {
  readonly law: Law['holds']
  /** What is wrong. */
  readonly what: string
  readonly operation: AnyOperation
  readonly planting: Planting
  /** What the law says of it. */
  readonly says: RegExp
}

const mounted = (law: Law['holds'], what: string, operation: AnyOperation, instead: AnyOperation, says: RegExp): Plant =>
  ({ law, what, operation, planting: { mounted: [instead] }, says })

const createAnd = (act: (call: Call, services: BoxServices, secret: string) => Promise<object>) =>
  broken(createBox, {
    decide: async ({ body }: Input, call: Call, services: BoxServices) => {
      const [row, secret] = [newBox(call, body.name), `box-secret-${call.random.base62(60)}`]
      const decision = { output: { ...present(row), secret }, target: row.id, facts: {}, writes: [insertOf(row)] }
      return { ...decision, ...(await act(call, services, secret)) }
    },
  })

const anyBox = async (call: Call, id: string) => {
  const row = await boxes(call).where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw boxFaults['not-found']('There is no such box.')
  return row
}

const plants: readonly Plant[] = [
  {
    law: isTaken, what: 'an input that the laws cannot think of', operation: getBox, says: /cannot think of an input for boxes\.get \(path\.boxId.*planted-server\.ts/s,
    planting: { declared: [broken(getBox, { input: { params: exactly({ boxId: Type.String({ pattern: '^zz-[0-9]+$' }) }) } })] },
  },
  {
    law: isTaken, what: 'a kind of target that the laws cannot make', operation: getBox, says: /how to make a target with the prefix con_.*planted-server\.ts/s,
    planting: { recipes: { targets: {} } },
  },
  {
    law: isTaken, what: 'a state that the laws do not know of', operation: renameBox, says: /made for boxes\.rename is refused.*planted-server\.ts/s,
    planting: { mounted: [broken(renameBox, { decide: () => { throw boxFaults['not-found']('Only on Sundays.') } })] },
  },
  { law: refusesBadCredentials, what: 'a credential that is cut short is taken', operation: getBox, planting: { credulous: true }, says: /a truncated credential: 200/ },
  mounted(leavesItsEntry, 'a row is written beside its entry', createBox, createAnd(async (call, services) => {
    await writeBehind(call, services)
    return {}
  }), /names every guarded row that was written/),
  mounted(leavesItsEntry, 'the entry tells of another event', createBox, broken(createBox, { event: 'box.made' }), /boxes\.create: box\.made/),
  mounted(leavesItsEntry, 'the entry is about something else', createBox, createAnd(async (call) => ({ target: newId('con', call.random) })), /is what the request or the answer names/),
  mounted(leavesItsEntry, 'a write that is declared as a read', createBox, broken(createBox, {
    effect: 'read', status: 201, handle: async ({ body }: Input, call: Call, services: BoxServices) => {
      await writeBehind(call, services)
      return { ...present(newBox(call, body.name)), secret: 'box-secret' }
    },
  }), /201|leaves an entry/),
  {
    law: namesItsEntry, what: 'the answer names an entry that is not there', operation: createBox, says: /names an entry that is there/,
    planting: { recording: (record) => async (act) => {
      await record(act)
      return { entryId: newId('ent', systemRandom) }
    } },
  },
  mounted(failsWhole, 'a write before the commit stays when the commit fails', createBox, createAnd(async (call, services) => {
    await writeBehind(call, services)
    return {}
  }), /a commit that the database refuses changes no row/),
  mounted(failsWhole, 'a write before the precondition is looked at', renameBox, broken(renameBox, {
    decide: async (input: Input, call: Call, services: BoxServices) => {
      await writeBehind(call, services)
      return renameBox.decide({ ...input, query: {} }, call, services as never)
    },
  }), /an outdated If-Match changes no row/),
  mounted(failsWhole, 'a precondition that is overlooked', renameBox, broken(renameBox, {
    decide: async ({ params, body }: Input, call: Call) => renamed(await requireBox(call, params.boxId), body.name),
  }), /an outdated If-Match changes no row/),
  mounted(hidesExistence, 'it takes another permission than it says', getBox, broken(getBox, { permission: 'boxes:create' }), /answered alike/),
  mounted(hidesExistence, 'it says to anybody that permission is missing', getBox, broken(getBox, { existence: 'boxes:create' }), /404 http\/not-found/),
  mounted(answersDeclaredFaults, 'a fault that it does not declare', renameBox, broken(renameBox, {
    input: { ...renameBox.input, body: exactly({ name: Type.String() }) },
    decide: () => { throw boxFaults.undeclared('Surprise.') },
  }), /answers boxes\/undeclared, which it does not declare/),
  mounted(answersDeclaredFaults, 'input that it stumbles over', renameBox, broken(renameBox, {
    input: { ...renameBox.input, body: exactly({ name: Type.Unknown() }) },
    decide: async ({ params, body }: Input, call: Call) => renamed(await requireBox(call, params.boxId), body.name.trim()),
  }), /core\/internal/),
  mounted(answersDeclaredFaults, 'input that it takes though it does not say so', renameBox, broken(renameBox, {
    input: { ...renameBox.input, body: exactly({ name: Type.String() }) },
  }), /a text that is too long is taken/),
  mounted(keepsSecrets, 'the secret stands in the audit entry', createBox, createAnd(async (_call, _services, secret) => ({ facts: { note: `made ${secret}` } })), /has a secret as it is/),
  mounted(keepsSecrets, 'the secret stands in a row', createBox, createAnd(async (call, _services, secret) => ({ writes: [insertOf(newBox(call, secret))], target: '' })), /has a secret as it is/),
  mounted(keepsSecrets, 'the secret stands in a row, in hexadecimal', createBox, createAnd(async (call, _services, secret) =>
    ({ writes: [insertOf(newBox(call, Buffer.from(secret).toString('hex')))] })), /has a secret in hexadecimal/),
  mounted(keepsSecrets, 'the secret is kept for whoever asks again', createBox, broken(createBox, { output: exactly({ ...boxOutput.properties, secret: Type.String() }) }), /has a secret as it is/),
  mounted(repeatsOnce, 'the secret is answered again', createBox, broken(createBox, { output: exactly({ ...boxOutput.properties, secret: Type.String() }) }), /without its secrets/),
  mounted(repeatsOnce, 'the idempotency key is overlooked', renameBox, broken(renameBox, {
    effect: 'read', handle: async ({ params }: Input, call: Call, services: BoxServices) => {
      await writeBehind(call, services)
      return present(await requireBox(call, params.boxId))
    },
  }), /a repeated idempotency key changes no row/),
  mounted(refusesTheUnknown, 'members that it does not know are let through', createBox, broken(createBox, { input: { body: Type.Object(boxBody.properties) } }), /an unknown member: 201/),
  mounted(refusesTheUnknown, 'the answer repeats what it refuses', createBox, broken(createBox, {
    input: { body: Type.Object(boxBody.properties) },
    decide: ({ body }: Input) => { throw boxFaults.undeclared(`Not this: ${Object.keys(body).join()} ${Object.values(body).join()}`) },
  }), /an unknown member: 409/),
  mounted(keepsWorkspacesApart, 'it shows what belongs to another workspace', getBox, broken(getBox, {
    handle: async ({ params }: Input, call: Call) => present(await anyBox(call, params.boxId)),
  }), /answered like one that does not exist/),
  mounted(keepsWorkspacesApart, 'it changes what belongs to another workspace', renameBox, broken(renameBox, {
    decide: async ({ params, body }: Input, call: Call) => renamed(await anyBox(call, params.boxId), body.name),
  }), /on a target of another workspace changes no row/),
  mounted(keepsWorkspacesApart, 'it lists what belongs to another workspace', listBoxes, broken(listBoxes, {
    handle: async (_input: Input, call: Call) => ({ items: (await boxes(call).limit(200).execute()).map(present), nextCursor: null }),
  }), /names nothing of another/),
  mounted(readsOnly, 'a read writes', getBox, broken(getBox, {
    handle: async ({ params }: Input, call: Call, services: BoxServices) => {
      await writeBehind(call, services)
      return present(await requireBox(call, params.boxId))
    },
  }), /boxes\.get changes no row/),
]

for (const { law, what, operation, planting, says } of plants) {
  test(`${law.name} fails when ${what}`, async () => {
    const subject = await openPlanted(planting)
    try {
      // Something that a list could show.
      if (law === keepsWorkspacesApart) await repeatsOnce(subject, createBox)
      await assert.rejects(law(subject, subject.operations.find(({ id }) => id === operation.id) ?? operation), says)
    } finally {
      await subject.close()
    }
  })
}

test('every law has been broken', () => {
  const untouched = laws.filter(({ holds }) => !plants.some(({ law }) => law === holds)).map(({ name, says }) => `${name} ${says}`)
  assert.deepEqual(untouched, [])
})

test('onlyDeclaredCameOut fails when any request of the run brought out an undeclared fault', async () => {
  const subject = await openPlanted({ mounted: [broken(renameBox, { decide: () => { throw boxFaults.undeclared('Surprise.') } })] })
  try {
    await assert.rejects(isTaken(subject, renameBox))
    assert.throws(() => onlyDeclaredCameOut(subject), /boxes\.rename answered boxes\/undeclared/)
  } finally {
    await subject.close()
  }
})

test('noSecretLiesAnywhere fails when any request of the run left a secret behind', async () => {
  const subject = await openPlanted({ mounted: [createAnd(async (_call, _services, secret) => ({ facts: { note: secret } }))] })
  try {
    await isTaken(subject, createBox)
    await assert.rejects(noSecretLiesAnywhere(subject), /has a secret as it is/)
  } finally {
    await subject.close()
  }
})
