/** The types of the Pothos builder that every subgraph starts from. */
import type { RequestContext } from './context.ts';
import type { ConditionDirectives } from './conditions.ts';
import type { CostDirectives } from './cost.ts';
import type { JsonValue } from './json.ts';
import type { ScopeDirectives } from './scopes.ts';

/** Pothos' type parameters, the same in every subgraph. Fields are nullable unless they say otherwise. */
export interface SubgraphTypes {
  Context: RequestContext;
  DefaultFieldNullability: true;
  DefaultInputFieldRequiredness: false;
  Directives: ConditionDirectives & CostDirectives & ScopeDirectives;
  Scalars: {
    ID: { Input: string; Output: string };
    /** In: an ISO 8601 text, validated. Out: a Date or such a text. */
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: JsonValue; Output: JsonValue };
    /** A text of digits where the schema is exact and the number is past 2^53 - 1. */
    BigInt: { Input: number; Output: number | string };
    /** Texts of digits. */
    Decimal: { Input: string; Output: string };
    /** Of the runs subgraph. */
    RunAgentInput: { Input: { [key: string]: JsonValue }; Output: JsonValue };
  };
}

export type SubgraphBuilder = PothosSchemaTypes.SchemaBuilder<PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>>;
