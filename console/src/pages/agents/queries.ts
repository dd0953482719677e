// What the pages of agents ask for.
import { useQuery } from '@tanstack/react-query';

import { api, data, key, type Schemas } from '~/api/client';

export type Agent = Schemas['Agent'];
export type Change = Schemas['AuthorityChange'];
export type Authority = Schemas['Authority'];
export type Finding = Schemas['DraftFinding'];
export type Version = Schemas['Version'];
export type Grant = Schemas['Grant'];
/** What every write is sent with. */
export const keyed = () => ({ 'Idempotency-Key': key() });

export type Files = Record<string, string | null>;

export const useAgents = () => useQuery({ queryKey: ['agents'], queryFn: () => data(api.GET('/agents')) });

export const useAgent = (agent: string) =>
  useQuery({
    queryKey: ['agents', agent],
    queryFn: () => data(api.GET('/agents/{agent}', { params: { path: { agent } } })),
  });

export const useLately = (enabled: boolean) =>
  useQuery({ queryKey: ['stats', 'agents'], queryFn: () => data(api.GET('/records')), enabled });

export const useRecord = (agent: string, enabled: boolean) =>
  useQuery({
    queryKey: ['stats', 'agents', agent],
    queryFn: () => data(api.GET('/agents/{agent}/record', { params: { path: { agent } } })),
    enabled,
  });

export const useSource = (agent: string, enabled = true) =>
  useQuery({
    queryKey: ['agents', agent, 'source'],
    queryFn: () => data(api.GET('/agents/{agent}/source', { params: { path: { agent } } })),
    enabled,
    refetchInterval: 4_000, // somebody else may write the same files
    staleTime: 0,
  });

export const useVersions = (agent: string) =>
  useQuery({
    queryKey: ['agents', agent, 'versions'],
    queryFn: () => data(api.GET('/agents/{agent}/versions', { params: { path: { agent } } })),
  });

export const useTriggers = () =>
  useQuery({ queryKey: ['triggers'], queryFn: () => data(api.GET('/triggers')) });

export const useWords = (enabled: boolean) =>
  useQuery({
    queryKey: ['vocabulary'],
    queryFn: () => data(api.GET('/vocabulary')),
    enabled,
    staleTime: 60_000,
  });
