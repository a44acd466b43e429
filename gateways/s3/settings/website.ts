// Owns the configuration of a bucket as a website (Amazon S3 User Guide, "Configuring a static website on
// Amazon S3"), and what its rules say of a request. What is served is website/serve-page.ts's.

import { limits } from '#core/kernel/limits.ts';
import { S3Error } from '../errors.ts';
import { malformed, type XmlElement, type XmlWriter } from '../xml.ts';
import type { Setting } from './setting.ts';

interface Target {
  readonly protocol?: string;
  readonly hostName?: string;
}

export interface Redirect extends Target {
  readonly replaceKeyPrefixWith?: string;
  readonly replaceKeyWith?: string;
  readonly code?: number;
}

export interface RoutingRule {
  readonly keyPrefix?: string;
  /** Status of an answer; without one the rule is for requests, before anything is looked for. */
  readonly errorCode?: number;
  readonly redirect: Redirect;
}

export interface Website {
  readonly redirectAll?: Target;
  /** Empty where all is redirected. */
  readonly indexSuffix: string;
  readonly errorKey?: string;
  readonly rules: readonly RoutingRule[];
}

export const website: Setting<Website> = {
  property: 's3/website',
  root: 'WebsiteConfiguration',
  missing: 'NoSuchWebsiteConfiguration',
  maxBytes: limits.s3WebsiteBytes,
  putStatus: 200,
  read: websiteOf,
  write(xml, site) {
    if (site) addWebsite(xml, site);
  },
};

const invalid = (message: string): S3Error => new S3Error('InvalidRequest', message);

function wrong(name: string, value: string, message: string): S3Error {
  return new S3Error('InvalidArgument', message, { ArgumentName: name, ArgumentValue: value });
}

function websiteOf(root: XmlElement): Website {
  root.expect(['RedirectAllRequestsTo', 'IndexDocument', 'ErrorDocument', 'RoutingRules']);
  const all = root.child('RedirectAllRequestsTo')?.expect(['HostName', 'Protocol']);
  if (all) {
    const hostName = all.textOf('HostName');
    if (!hostName) throw malformed();
    if (root.children.length > 1) {
      const message = 'RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.';
      throw wrong('RedirectAllRequestsTo', 'not null', message);
    }
    return { redirectAll: { ...protocolOf(all), hostName }, indexSuffix: '', rules: [] };
  }
  const suffix = root.child('IndexDocument')?.expect(['Suffix']).textOf('Suffix');
  if (suffix === undefined) {
    const message = 'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty';
    throw wrong('IndexDocument', 'null', message);
  }
  if (suffix === '' || suffix.includes('/')) {
    throw wrong('IndexDocument', suffix, 'The IndexDocument Suffix is not well formed');
  }
  const error = root.child('ErrorDocument')?.expect(['Key']);
  const errorKey = error?.textOf('Key');
  if (error && !errorKey) throw wrong('ErrorDocument', '', 'The ErrorDocument Key is not well formed');
  const rules = root.child('RoutingRules')?.expect([], ['RoutingRule']).children.map(ruleOf) ?? [];
  if (rules.length > limits.s3RoutingRules) {
    throw invalid(`The number of routing rules must not exceed ${limits.s3RoutingRules}.`);
  }
  return { indexSuffix: suffix, ...(errorKey && { errorKey }), rules };
}

function protocolOf(element: XmlElement): { protocol?: string } {
  const protocol = element.textOf('Protocol');
  if (protocol === undefined) return {};
  if (protocol === 'http' || protocol === 'https') return { protocol };
  throw invalid(
    'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected ' +
      'automatically.',
  );
}

function ruleOf(element: XmlElement): RoutingRule {
  element.expect(['Condition', 'Redirect']);
  const condition = element.child('Condition')?.expect(['KeyPrefixEquals', 'HttpErrorCodeReturnedEquals']);
  const keyPrefix = condition?.textOf('KeyPrefixEquals');
  const code = condition?.textOf('HttpErrorCodeReturnedEquals');
  if (condition && keyPrefix === undefined && code === undefined) {
    throw invalid(
      'Condition cannot be empty. To redirect all requests without a condition, the condition element ' +
        "shouldn't be present.",
    );
  }
  if (code !== undefined && !/^[45]\d\d$/.test(code)) {
    throw invalid(`The provided HTTP error code (${code}) is not valid. Valid codes are 4XX or 5XX.`);
  }
  return {
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(code !== undefined && { errorCode: Number(code) }),
    redirect: redirectOf(element.child('Redirect')),
  };
}

const REDIRECT = ['Protocol', 'HostName', 'ReplaceKeyPrefixWith', 'ReplaceKeyWith', 'HttpRedirectCode'];

function redirectOf(element: XmlElement | undefined): Redirect {
  if (!element) throw malformed();
  element.expect(REDIRECT);
  if (element.children.length === 0) throw invalid('Redirect must have at least one child element.');
  const hostName = element.textOf('HostName');
  const replaceKeyPrefixWith = element.textOf('ReplaceKeyPrefixWith');
  const replaceKeyWith = element.textOf('ReplaceKeyWith');
  const code = element.textOf('HttpRedirectCode');
  if (replaceKeyPrefixWith !== undefined && replaceKeyWith !== undefined) {
    throw invalid('You can only define ReplaceKeyPrefix or ReplaceKey but not both.');
  }
  if (code !== undefined && (!/^3\d\d$/.test(code) || code === '300')) {
    throw invalid(`The provided HTTP redirect code (${code}) is not valid. Valid codes are 3XX except 300.`);
  }
  return {
    ...protocolOf(element),
    ...(hostName && { hostName }),
    ...(replaceKeyPrefixWith !== undefined && { replaceKeyPrefixWith }),
    ...(replaceKeyWith !== undefined && { replaceKeyWith }),
    ...(code !== undefined && { code: Number(code) }),
  };
}

function addWebsite(xml: XmlWriter, { redirectAll, indexSuffix, errorKey, rules }: Website): void {
  if (redirectAll) {
    xml.open('RedirectAllRequestsTo').optional('HostName', redirectAll.hostName);
    xml.optional('Protocol', redirectAll.protocol).close('RedirectAllRequestsTo');
    return;
  }
  xml.open('IndexDocument').element('Suffix', indexSuffix).close('IndexDocument');
  if (errorKey !== undefined) xml.open('ErrorDocument').element('Key', errorKey).close('ErrorDocument');
  if (rules.length === 0) return;
  xml.open('RoutingRules');
  for (const { keyPrefix, errorCode, redirect } of rules) {
    xml.open('RoutingRule');
    if (keyPrefix !== undefined || errorCode !== undefined) {
      xml.open('Condition').optional('KeyPrefixEquals', keyPrefix);
      xml.optional('HttpErrorCodeReturnedEquals', errorCode?.toString()).close('Condition');
    }
    xml.open('Redirect').optional('Protocol', redirect.protocol).optional('HostName', redirect.hostName);
    xml.optional('ReplaceKeyPrefixWith', redirect.replaceKeyPrefixWith);
    xml.optional('ReplaceKeyWith', redirect.replaceKeyWith);
    xml.optional('HttpRedirectCode', redirect.code?.toString()).close('Redirect').close('RoutingRule');
  }
  xml.close('RoutingRules');
}

/** The first rule for the key: before anything is looked for, or once that was answered with an error. */
export function routingRuleFor(site: Website, key: string, errorCode?: number): RoutingRule | undefined {
  return site.rules.find((rule) => rule.errorCode === errorCode && key.startsWith(rule.keyPrefix ?? ''));
}

/** Where a rule sends a request for the key, that came to the host. */
export function redirectedTo({ keyPrefix = '', redirect }: RoutingRule, key: string, host: string): string {
  const { replaceKeyWith, replaceKeyPrefixWith } = redirect;
  const replaced =
    replaceKeyPrefixWith === undefined ? key : replaceKeyPrefixWith + key.slice(keyPrefix.length);
  return addressAt(redirect, replaceKeyWith ?? replaced, host);
}

export function addressAt({ protocol = 'http', hostName }: Target, key: string, host: string): string {
  return `${protocol}://${hostName ?? host}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
