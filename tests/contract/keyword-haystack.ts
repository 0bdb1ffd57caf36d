/**
 * Twenty-five strings of each of twelve kinds, of which each stands in one text among 1,289: the others are full of the same
 * parts, glued otherwise. From a generator whose numbers every run repeats.
 */
import { random } from '#tests/setup/random.ts';

const DOCUMENTS = 1_289;
export const EACH = 25;

const WORDS =
  'cache client server index route token parser stream buffer config module plugin test util core base node file path user name type data value list item event state error queue retry proxy socket schema query field model build watch debug print parse merge split match'.split(
    ' ',
  );
const HAN = '数据库检索增强生成模型向量文本分词索引查询服务网络安全缓存请求响应错误日志配置部署测试';
const KANA = 'データベース検索エンジンの設定とテストを行うサーバー';
const HANGUL = '데이터베이스검색엔진설정테스트서버요청응답오류기록';
const NAMES = 'García Müller Dvořák Łukasz Søren Zoë François Đorđe Ångström Çelik'.split(' ');

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);
const titled = (words: readonly string[]): string => words.map(capital).join('');

type Maker = (pick: () => string, number: (below: number) => number) => string;
const some = (pick: () => string, count: number): string[] => Array.from({ length: count }, pick);
const characters = (from: string, count: number, number: (below: number) => number): string =>
  Array.from({ length: count }, () => from[number(from.length)]!).join('');

/** How a string of each kind is made. */
export const KINDS: Readonly<Record<string, Maker>> = {
  path: (pick, number) =>
    `${number(2) === 0 ? 'src' : './lib'}/${some(pick, 2).join('/')}/${pick()}.${number(2) === 0 ? 'ts' : 'test.js'}`,
  'Chinese, Japanese, Korean': (_, number) => characters([HAN, KANA, HANGUL][number(3)]!, 4 + number(3), number),
  snake_case: (pick) => some(pick, 3).join('_'),
  flag: (pick) => `--${some(pick, 3).join('-')}`,
  version: (_, number) => `${number(30)}.${number(30)}.${number(30)}`,
  dotted: (pick) => some(pick, 3).join('.'),
  hyphenated: (pick) => some(pick, 3).join('-'),
  camelCase: (pick) => {
    const [first, ...rest] = some(pick, 3);
    return first! + titled(rest);
  },
  scope: (pick) => `@${pick()}/${some(pick, 2).join('-')}`,
  URL: (pick, number) => `https://${pick()}.example.com/${some(pick, 2).join('/')}?${pick()}=${number(90)}`,
  'e-mail address': (pick) => `${pick()}.${pick()}@${pick()}.example.org`,
  accents: (pick, number) => `${NAMES[number(NAMES.length)]}${capital(pick())}${['ström', 'ář', 'ügen'][number(3)]}`,
};

export interface Needle {
  readonly kind: string;
  readonly text: string;
  /** Of the text that it stands in. */
  readonly place: number;
}

/** Texts, and what stands in one of them alone. */
export function haystack(seed: number): { texts: string[]; needles: Needle[] } {
  const next = random(seed);
  const number = (below: number): number => Math.floor(next() * below);
  const pick = (): string => WORDS[number(WORDS.length)]!;
  const makers = Object.values(KINDS);
  const words = Array.from({ length: DOCUMENTS }, () =>
    Array.from({ length: 60 }, () => (number(4) === 0 ? makers[number(makers.length)]!(pick, number) : pick())),
  );
  const taken = new Set(words.flat());
  const needles: Needle[] = [];
  for (const [kind, make] of Object.entries(KINDS)) {
    for (let i = 0; i < EACH; i++) {
      let text = make(pick, number);
      while (taken.has(text)) text = make(pick, number);
      taken.add(text);
      const place = needles.length * 4;
      words[place]!.splice(number(60), 0, text);
      needles.push({ kind, text, place });
    }
  }
  return { texts: words.map((each) => each.join(' ')), needles };
}
