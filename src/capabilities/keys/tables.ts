/** The rows of this room, as they are stored. Times are ms since the epoch; `json` columns hold RFC 8785 text. */
import { defineTable, type RowBase } from '#core/storage/table'
import type { StoredRow } from '#core/storage/row-guard'

/** What an API, an environment, a consumer or a workspace can be. A revoked one stays revoked. */
export type Standing = 'active' | 'revoked'
export type KeyStatus = 'active' | 'disabled' | 'revoked'

/** RFC 5280 §5.3.1 CRLReason, in the words of a key's life; `hold` is what `disabled` is for. */
export const revocationReasons = [
  'unspecified', 'key-compromise', 'affiliation-changed', 'superseded', 'cessation-of-operation', 'privilege-withdrawn',
] as const
export type RevocationReason = (typeof revocationReasons)[number]

interface Owned extends RowBase {
  readonly workspace_id: string
  readonly created_at_ms: number
  readonly revoked_at_ms: number | null
  readonly revocation_reason: RevocationReason | null
}

export interface WorkspaceRow extends Owned {
  readonly name: string
  readonly status: Standing
  /** 1 for the first workspace, whose owners may make others. */
  readonly is_root: number
}

export interface ApiRow extends Owned {
  readonly slug: string
  readonly name: string
  readonly prefix: string
  /** JSON: `Permission[]`. Of the built-in API it is empty: its catalogue is the operations' own. */
  readonly catalogue: string
  readonly status: Standing
  readonly built_in: number
}

export interface EnvironmentRow extends Owned {
  readonly api_id: string
  readonly slug: string
  readonly kind: 'development' | 'test' | 'production'
  readonly tag: string
  readonly status: Standing
  /** JSON: `Policy`. */
  readonly policy: string
  readonly recording: 'durable' | 'relaxed'
  /** The pepper that new keys are hashed under. */
  readonly pepper_version: number
}

export interface ConsumerRow extends Owned {
  /** The provider's own id for this customer; null once erased. */
  readonly reference: string | null
  readonly name: string | null
  readonly status: Standing
  readonly erased_at_ms: number | null
}

export interface KeyRow extends Owned {
  readonly api_id: string
  readonly environment_id: string
  readonly consumer_id: string | null
  /** Set for credentials of the control plane, which are keys of the built-in API. */
  readonly principal_id: string | null
  readonly kind: 'bearer'
  readonly name: string
  readonly status: KeyStatus
  /** HMAC-SHA-256 of the whole token under the environment's pepper. */
  readonly hash: Uint8Array
  readonly pepper_version: number
  /** JSON: string[]. */
  readonly permissions: string
  /** JSON: string[] of CIDR blocks. */
  readonly ip_ranges: string
  /** JSON: string[]. */
  readonly origins: string
  /** JSON: `TimeWindow`, or null. */
  readonly time_window: string | null
  readonly created_by: string
  readonly expires_at_ms: number
}

export interface KeyUsageRow extends RowBase {
  readonly last_used_at_ms: number
  readonly valid_count: number
  readonly denied_count: number
}

/** Uses as they were recorded, one line each, until they are cut into blocks. */
export interface UseBatchRow extends RowBase {
  readonly at_ms: number
  readonly uses: Uint8Array
}

/** Uses of one environment, cut: sealed by holder, committed to by one leaf. */
export interface UseBlockRow extends RowBase {
  readonly workspace_id: string
  readonly environment_id: string
  readonly from_ms: number
  readonly to_ms: number
  readonly use_count: number
  readonly sections: Uint8Array
}

const ended = { revoked_at_ms: 'integer', revocation_reason: 'text' } as const

export const workspaceTable = defineTable<WorkspaceRow>('workspaces', {
  guarded: true,
  columns: { workspace_id: 'text', name: 'text', status: 'text', is_root: 'integer', created_at_ms: 'integer', ...ended },
})

export const apiTable = defineTable<ApiRow>('apis', {
  guarded: true,
  columns: {
    workspace_id: 'text', slug: 'text', name: 'text', prefix: 'text', catalogue: 'json', status: 'text', built_in: 'integer',
    created_at_ms: 'integer', ...ended,
  },
})

export const environmentTable = defineTable<EnvironmentRow>('environments', {
  guarded: true,
  columns: {
    workspace_id: 'text', api_id: 'text', slug: 'text', kind: 'text', tag: 'text', status: 'text', policy: 'json',
    recording: 'text', pepper_version: 'integer', created_at_ms: 'integer', ...ended,
  },
})

export const consumerTable = defineTable<ConsumerRow>('consumers', {
  guarded: true,
  columns: {
    workspace_id: 'text', reference: 'text', name: 'text', status: 'text', created_at_ms: 'integer', erased_at_ms: 'integer', ...ended,
  },
})

export const keyTable = defineTable<KeyRow>('keys', {
  guarded: true,
  columns: {
    workspace_id: 'text', api_id: 'text', environment_id: 'text', consumer_id: 'text', principal_id: 'text', kind: 'text',
    name: 'text', status: 'text', hash: { type: 'blob', sensitive: true }, pepper_version: 'integer', permissions: 'json',
    ip_ranges: 'json', origins: 'json', time_window: 'json', created_at_ms: 'integer', created_by: 'text',
    expires_at_ms: 'integer', ...ended,
  },
})

export const keyUsageTable = defineTable<KeyUsageRow>('key_usage', {
  columns: {
    last_used_at_ms: { type: 'integer', merge: 'max' },
    valid_count: { type: 'integer', merge: 'sum' },
    denied_count: { type: 'integer', merge: 'sum' },
  },
})

export const useBatchTable = defineTable<UseBatchRow>('use_batches', { columns: { at_ms: 'integer', uses: 'blob' } })

export const useBlockTable = defineTable<UseBlockRow>('use_blocks', {
  columns: {
    workspace_id: 'text', environment_id: 'text', from_ms: 'integer', to_ms: 'integer', use_count: 'integer', sections: 'blob',
  },
})

/** What Kysely needs to know of them. */
export interface KeysDatabase {
  readonly workspaces: StoredRow<WorkspaceRow>
  readonly apis: StoredRow<ApiRow>
  readonly environments: StoredRow<EnvironmentRow>
  readonly consumers: StoredRow<ConsumerRow>
  readonly keys: StoredRow<KeyRow>
  readonly key_usage: KeyUsageRow
  readonly use_batches: UseBatchRow
  readonly use_blocks: UseBlockRow
  readonly row_heads: { readonly id: string; readonly version: number; readonly digest: string }
}
