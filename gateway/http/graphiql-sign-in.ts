/** What GraphiQL's page is given to sign people in at the issuer by itself: the script is graphiql-sign-in.browser.js. */
import { readFile } from 'node:fs/promises';

/** How people sign in, as the page reads it. */
export interface SignIn {
  readonly issuer: string;
  /** Absent where the issuer cannot be reached, or has none. */
  readonly authorizationEndpoint: string | undefined;
  readonly tokenEndpoint: string | undefined;
  /** A public client, whose redirect URI is the page's own address. */
  readonly clientId: string;
  /** Further parameters of the authorization request, such as `scope`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Whether whoever opens the page is sent to the issuer at once; else there is a button. */
  readonly required: boolean;
}

export const signInScript = (): Promise<Buffer> => readFile(new URL('./graphiql-sign-in.browser.js', import.meta.url));

/** Where the script asks for tokens, for the page's policy. */
export const tokenOrigin = ({ tokenEndpoint }: SignIn): string =>
  tokenEndpoint === undefined ? '' : ` ${new URL(tokenEndpoint).origin}`;

/** What the page has in its body for it, before GraphiQL's own script. */
export const signInMarkup = (scriptPath: string): string => `<style>
      #sign-in { position: fixed; right: 12px; bottom: 12px; z-index: 10; font: 14px sans-serif; color: hsl(219, 28%, 40%) }
      #sign-in button { margin-left: 8px; padding: 4px 10px; font: inherit; cursor: pointer }
    </style>
    <div id="sign-in" role="status"></div>
    <script src="${scriptPath}"></script>`;
