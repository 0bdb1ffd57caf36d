/**
 * Operations that ask for every field of a schema, and a record of what came of them. Nothing here knows a field by its
 * name: what a field's arguments are is given, and a field that nobody gave anything for is asked without.
 */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  Kind,
  parse,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationTypeNode,
  type SelectionSetNode,
} from 'graphql';

/** Arguments of fields, by coordinate (`Entity.neighbors`): one text in parentheses for each time that the field is asked. */
export type ArgumentTexts = (coordinate: string) => readonly string[];

/** A value of an answer, and the field that it is of. */
export interface Leaf {
  readonly coordinate: string;
  readonly value: unknown;
}

type Data = Readonly<Record<string, unknown>>;
/** Where in an answer something is: its type, and the path from the root. */
type Place = { readonly type: GraphQLNamedType; readonly path: string };

/** Pages, their edges, what is said of a hit, answers and payloads hold things and are none: they cost nothing of how far an operation goes. */
const isEnvelope = ({ name }: GraphQLNamedType): boolean =>
  /(?:Connection|Edge|PageInfo|Payload|Explanation|Highlight|SessionContext)$|^(?:Answer|AnswerUsage|Citation)$/.test(
    name,
  );
const isThere = (value: unknown): boolean =>
  value !== null &&
  value !== undefined &&
  value !== '' &&
  !(typeof value === 'object' && Object.keys(value).length === 0);

export class SchemaWalk {
  /** Fields whose value has been seen: not null, not empty. */
  readonly seen = new Set<string>();
  /** Fields that have been asked for, whatever came. */
  readonly asked = new Set<string>();
  /** Arguments, and fields of inputs, that have been given. */
  readonly given = new Set<string>();
  /** The first cursor that was seen of each page or stream, by its path from the root (`documents`, `document.chunks`). */
  readonly cursors = new Map<string, string>();
  readonly #schema: GraphQLSchema;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Every field of every object and interface. */
  fields(): string[] {
    return Object.values(this.#schema.getTypeMap()).flatMap((type) =>
      (isObjectType(type) || isInterfaceType(type)) && !isIntrospectionType(type)
        ? Object.keys(type.getFields()).map((name) => `${type.name}.${name}`)
        : [],
    );
  }

  /** Every argument of every field, and every field of an input that holds an id, a key or a cursor. */
  arguments(): string[] {
    return Object.values(this.#schema.getTypeMap()).flatMap((type) => {
      if (isIntrospectionType(type)) return [];
      if (isObjectType(type) || isInterfaceType(type))
        return Object.values(type.getFields()).flatMap(({ name, args }) =>
          args.map((argument) => `${type.name}.${name}(${argument.name}:)`),
        );
      if (!isInputObjectType(type)) return [];
      return Object.values(type.getFields())
        .filter(
          (field) =>
            getNamedType(field.type).name === 'ID' || /^(?:key|fileKey|token|idempotencyKey)$/.test(field.name),
        )
        .map((field) => `${type.name}.${field.name}`);
    });
  }

  /**
   * An operation that asks for one root field, and for everything that it leads to.
   * @param args those of the root field, in parentheses, or nothing
   * @param far how many things it goes through, one behind the other
   */
  operation(kind: OperationTypeNode, name: string, args: string, argumentsOf: ArgumentTexts, far: number): string {
    const field = this.#schema.getRootType(kind)!.getFields()[name]!;
    return `${kind} { ${name}${args}${this.#selection(getNamedType(field.type), argumentsOf, far)} }`;
  }

  /** All fields of a type, and of what they lead to. */
  selection(type: string, argumentsOf: ArgumentTexts, far: number): string {
    return this.#selection(this.#schema.getType(type)!, argumentsOf, far);
  }

  #selection(type: GraphQLNamedType, argumentsOf: ArgumentTexts, far: number): string {
    if (!isCompositeType(type)) return '';
    if (far === 0 && !isEnvelope(type)) return ' { __typename }';
    const left = isEnvelope(type) ? far : far - 1;
    // All of a node is asked for where its own type is; here that it is found, and that its id is the tenant's.
    if (type.name === 'Node') return ' { __typename id }';
    const own = isAbstractType(type)
      ? this.#schema.getPossibleTypes(type).map((each) => {
          const beyond = Object.values(each.getFields()).filter(
            ({ name }) => !isInterfaceType(type) || type.getFields()[name] === undefined,
          );
          return `... on ${each.name} { ${this.#fields(each.name, beyond, argumentsOf, left) || '__typename'} }`;
        })
      : [];
    const shared =
      'getFields' in type ? this.#fields(type.name, Object.values(type.getFields()), argumentsOf, left) : '';
    return ` { __typename ${shared} ${own.join(' ')} }`;
  }

  #fields(
    parent: string,
    fields: readonly GraphQLField<unknown, unknown>[],
    argumentsOf: ArgumentTexts,
    far: number,
  ): string {
    return fields
      .flatMap((field) => {
        const selection = this.#selection(getNamedType(field.type), argumentsOf, far);
        const texts = argumentsOf(`${parent}.${field.name}`);
        if (texts.length === 0) return [`${field.name}${selection}`];
        return texts.map((text, index) => `${field.name}_${index}: ${field.name}${text}${selection}`);
      })
      .join(' ');
  }

  /** Notes what an operation asks for and gives. */
  noteAsked(source: string): DocumentNode {
    const document = parse(source);
    const info = new TypeInfo(this.#schema);
    visit(
      document,
      visitWithTypeInfo(info, {
        Field: ({ name }) => {
          const parent = info.getParentType();
          if (parent === null || parent === undefined || name.value.startsWith('__')) return;
          this.asked.add(`${parent.name}.${name.value}`);
          if (isAbstractType(parent))
            for (const each of this.#schema.getPossibleTypes(parent)) this.asked.add(`${each.name}.${name.value}`);
        },
        Argument: ({ name }) =>
          void this.given.add(`${info.getParentType()!.name}.${info.getFieldDef()!.name}(${name.value}:)`),
        ObjectField: ({ name }) => {
          const parent = getNamedType(info.getParentInputType());
          if (isInputObjectType(parent)) this.given.add(`${parent.name}.${name.value}`);
        },
      }),
    );
    return document;
  }

  /** Every value of an answer but nulls. @param noting whether they count as seen */
  leaves(document: DocumentNode, data: Data | null | undefined, noting = false): Leaf[] {
    const [operation] = document.definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('No operation comes first.');
    const found: Leaf[] = [];
    const root = this.#schema.getRootType(operation.operation)!;
    this.#look({ type: root, path: '' }, operation.selectionSet, data ?? {}, found, noting);
    return found;
  }

  #look(at: Place, { selections }: SelectionSetNode, data: Data, found: Leaf[], noting: boolean): void {
    const { type, path } = at;
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) throw new Error('No fragments are spread here.');
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const on = selection.typeCondition!.name.value;
        if (data['__typename'] === on)
          this.#look({ type: this.#schema.getType(on)!, path }, selection.selectionSet, data, found, noting);
        continue;
      }
      const { name, alias, selectionSet } = selection;
      if (name.value.startsWith('__')) continue;
      const value = data[(alias ?? name).value];
      if (value === null || value === undefined) continue;
      const field = (type as { getFields(): Record<string, GraphQLField<unknown, unknown>> }).getFields()[name.value]!;
      const coordinates = [`${type.name}.${name.value}`];
      const actual = data['__typename'];
      if (typeof actual === 'string' && actual !== type.name && 'getFields' in this.#schema.getType(actual)!)
        coordinates.push(`${actual}.${name.value}`);
      if (noting && isThere(value)) for (const coordinate of coordinates) this.seen.add(coordinate);
      if (selectionSet === undefined) {
        for (const each of [value].flat(2)) if (each !== null) found.push({ coordinate: coordinates[0]!, value: each });
        continue;
      }
      for (const each of [value].flat() as (Data | null)[]) {
        if (each === null) continue;
        const inner = path === '' ? name.value : `${path}.${name.value}`;
        if (noting) this.#noteCursor(inner, each);
        this.#look({ type: getNamedType(field.type), path: inner }, selectionSet, each, found, noting);
      }
    }
  }

  #noteCursor(path: string, value: Data): void {
    const [edge = value] = (value['edges'] ?? []) as Data[];
    if (typeof edge['cursor'] === 'string' && !this.cursors.has(path)) this.cursors.set(path, edge['cursor']);
  }

  /** Whether a field's values are of an enum, which is the same for everybody. */
  isEnum(coordinate: string): boolean {
    const [type, name] = coordinate.split('.') as [string, string];
    return isEnumType(getNamedType((this.#schema.getType(type) as GraphQLObjectType).getFields()[name]!.type));
  }
}
