/**
 * Classes with every member of a driver's interface, read from the interface itself: what is added to it tomorrow is in
 * tomorrow's skeletons.
 */
import ts from 'typescript';
import { nameOf } from './source.ts';

/** A class to write: `class MilvusVectors implements VectorDriver`. */
export interface StubClass {
  readonly className: string;
  readonly interfaceName: string;
  /** The value of members that are texts: the store's name. */
  readonly store: string;
}

/**
 * The classes as TypeScript, and the imports that their members' types need. A class is made of `Options`, a type that
 * the caller declares, and its members throw what the caller's `unwritten(member)` makes.
 * @param driver the subgraph's `driver.ts`
 * @param climb from the new file to the subgraph's folder, such as `../../`
 */
export function stubClasses(
  driver: ts.SourceFile,
  classes: readonly StubClass[],
  climb: string,
): { imports: string; classes: string } {
  const text = classes.map((stub) => classText(driver, stub)).join('\n');
  return { imports: importsFor(driver, text, climb), classes: text };
}

function interfaceOf(driver: ts.SourceFile, name: string): ts.InterfaceDeclaration | undefined {
  return driver.statements.filter(ts.isInterfaceDeclaration).find((found) => found.name.text === name);
}

function classText(driver: ts.SourceFile, { className, interfaceName, store }: StubClass): string {
  const declared = interfaceOf(driver, interfaceName);
  if (declared === undefined) throw new Error(`${driver.fileName} has no interface ${interfaceName}.`);
  const members = declared.members.filter((member) => member.questionToken === undefined);
  return `export class ${className} implements ${interfaceName} {
    constructor(readonly options: Options) {}

    ${members.map((member) => memberText(driver, member, store)).join('\n\n')}
  }\n`;
}

function memberText(driver: ts.SourceFile, member: ts.TypeElement, store: string): string {
  const name = nameOf(member.name) ?? '';
  if (ts.isPropertySignature(member))
    return `readonly ${name}: ${member.type!.getText()} = ${valueText(driver, member.type!, name, store)};`;
  if (!ts.isMethodSignature(member)) throw new Error(`${driver.fileName}: ${member.getText()} is of no known kind.`);
  const types = member.typeParameters ? `<${member.typeParameters.map((each) => each.getText()).join(', ')}>` : '';
  // A parameter that is not read yet is said to be so.
  const parameters = member.parameters.map((each) => `_${each.getText()}`).join(', ');
  const result = member.type!.getText();
  const body =
    name === 'close' ? '// Nothing is open yet. End here what the class opens.\n' : `throw unwritten('${name}');`;
  return `${result.startsWith('Promise<') ? 'async ' : ''}${name}${types}(${parameters}): ${result} { ${body} }`;
}

/** A value to begin with: the store's name, `false`, nothing, or an object of such. */
function valueText(driver: ts.SourceFile, type: ts.TypeNode, name: string, store: string): string {
  if (type.kind === ts.SyntaxKind.StringKeyword) return `'${store}'`;
  if (type.kind === ts.SyntaxKind.BooleanKeyword) return 'false';
  if (ts.isUnionTypeNode(type)) return 'undefined';
  const parts = ts.isIntersectionTypeNode(type) ? type.types : [type];
  const members = parts.flatMap((part) => interfaceOf(driver, part.getText())?.members.slice() ?? []);
  if (members.length === 0) throw new Error(`${driver.fileName}: no value is known for ${name}: ${type.getText()}.`);
  const values = members
    .filter((member) => member.questionToken === undefined)
    .map((member) => {
      const inner = nameOf(member.name) ?? '';
      return ts.isPropertySignature(member)
        ? `${inner}: ${valueText(driver, member.type!, inner, store)}`
        : `${inner}: () => Promise.reject(unwritten('${name}.${inner}'))`;
    });
  return `{ ${values.join(', ')} }`;
}

/** Imports of the types that a text names, from where the driver's interface has them. */
function importsFor(driver: ts.SourceFile, text: string, climb: string): string {
  const used = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);
  const own = driver.statements
    .filter((statement) => ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement))
    .map((statement) => statement.name.text)
    .filter(used);
  const others = driver.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const bindings = statement.importClause?.namedBindings;
    const names = bindings && ts.isNamedImports(bindings) ? bindings.elements.map(({ name }) => name.text) : [];
    const from = (statement.moduleSpecifier as ts.StringLiteral).text.replace(/^\.\//, climb);
    return names.some(used) ? [`import type { ${names.filter(used).join(', ')} } from '${from}';`] : [];
  });
  return [...others, `import type { ${own.join(', ')} } from '${climb}driver.ts';`].join('\n');
}
