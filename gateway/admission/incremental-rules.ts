/**
 * What the specification of incremental delivery says of `@stream`, and of labels (https://github.com/graphql/graphql-spec/pull/1110),
 * in the words of graphql-js 17; graphql-js 16 knows neither directive.
 */
import {
  GraphQLError,
  isListType,
  isNonNullType,
  Kind,
  print,
  visit,
  BREAK,
  type ASTVisitor,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import { argumentOf } from '#gateway/plan/links.ts';
import { streamOf } from '#gateway/plan/streamed-fields.ts';

/** The rules of incremental delivery. Costs a look at the text's directives where nothing is streamed. */
export function incrementalRule(context: ValidationContext): ASTVisitor {
  const labels = new Map<string, DirectiveNode>();
  const complain = (message: string, ...nodes: (DirectiveNode | FieldNode)[]): void =>
    context.reportError(new GraphQLError(message, { nodes }));
  return {
    Document(document) {
      if (!streams(document)) return;
      for (const definition of document.definitions)
        if (definition.kind === Kind.OPERATION_DEFINITION) new StreamedFields(context, complain).check(definition);
    },
    Directive(directive) {
      const name = directive.name.value;
      if (name !== 'defer' && name !== 'stream') return;
      const label = argumentOf(directive, 'label');
      if (label !== undefined && label.kind !== Kind.STRING && label.kind !== Kind.NULL)
        complain(`Argument "label" on @${name} must be a static string.`, directive);
      if (label?.kind === Kind.STRING) {
        const known = labels.get(label.value);
        if (known !== undefined)
          complain(
            'Value for arguments "label" on @defer/@stream must be unique across all Defer/Stream directive usages.',
            known,
            directive,
          );
        labels.set(label.value, directive);
      }
      if (name === 'defer') return;
      const count = argumentOf(directive, 'initialCount');
      if (count?.kind === Kind.INT && count.value.startsWith('-') && Number(count.value) < 0)
        complain(`Argument "initialCount" on @stream must not be negative; got ${count.value}.`, directive);
      const field = context.getFieldDef();
      const parent = context.getParentType();
      if (field == null || parent == null) return;
      if (!isListType(isNonNullType(field.type) ? field.type.ofType : field.type))
        complain(`Directive "@stream" cannot be used on non-list field "${parent.name}.${field.name}".`, directive);
    },
  };
}

type Complain = (message: string, ...nodes: (DirectiveNode | FieldNode)[]) => void;

/** The fields of one operation by their places in its answer: what the document comes to is bounded before. */
class StreamedFields {
  readonly #context: ValidationContext;
  readonly #complain: Complain;
  readonly #open = new Set<string>();

  constructor(context: ValidationContext, complain: Complain) {
    this.#context = context;
    this.#complain = complain;
  }

  check({ operation, selectionSet }: OperationDefinitionNode): void {
    this.#meet([selectionSet], operation.valueOf(), true);
  }

  /** @param selectionSets of the objects in one place */
  #meet(selectionSets: readonly SelectionSetNode[], operation: string, isRoot: boolean): void {
    const places = new Map<string, FieldNode[]>();
    for (const selectionSet of selectionSets) this.#collect(selectionSet, places);
    for (const [name, fields] of places) {
      const texts = fields.map((field) => textOf(streamOf(field.directives)));
      const differs = texts.findIndex((text) => text !== texts[0]);
      if (differs > 0) {
        this.#complain(
          `Fields "${name}" conflict because they have differing stream directives. Use different aliases on the fields to fetch both if this was intentional.`,
          fields[0]!,
          fields[differs]!,
        );
      }
      for (const field of fields) {
        const stream = streamOf(field.directives);
        if (stream === undefined || operation === 'query') continue;
        if (isRoot) this.#complain(`Stream directive cannot be used on root ${operation} type.`, stream);
        else if (operation === 'subscription' && !mayBeOff(stream))
          this.#complain(
            'Stream directive not supported on subscription operations. Disable `@stream` by setting the `if` argument to `false`.',
            stream,
          );
      }
      const below = fields.flatMap((field) => field.selectionSet ?? []);
      if (below.length > 0) this.#meet(below, operation, false);
    }
  }

  #collect({ selections }: SelectionSetNode, places: Map<string, FieldNode[]>): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const known = places.get(name);
        if (known === undefined) places.set(name, [selection]);
        else known.push(selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) this.#collect(selection.selectionSet, places);
      else {
        const name = selection.name.value;
        const fragment = this.#context.getFragment(name);
        if (fragment == null || this.#open.has(name)) continue; // Another rule complains of the circle.
        this.#open.add(name);
        this.#collect(fragment.selectionSet, places);
        this.#open.delete(name);
      }
    }
  }
}

function streams(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Directive({ name }) {
      if (name.value !== 'stream') return undefined;
      found = true;
      return BREAK;
    },
  });
  return found;
}

/** Equal for directives that say the same. */
const textOf = (directive: DirectiveNode | undefined): string | undefined =>
  directive && (directive.arguments ?? []).map(print).sort().join();

function mayBeOff(stream: DirectiveNode): boolean {
  const condition = argumentOf(stream, 'if');
  return condition?.kind === Kind.VARIABLE || (condition?.kind === Kind.BOOLEAN && !condition.value);
}
