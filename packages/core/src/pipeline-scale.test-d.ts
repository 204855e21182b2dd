import { type Observable, of } from 'rxjs';
import { expectTypeOf, it } from 'vitest';
import { createRunner, pipeline, stage } from './index.ts';

// Two hundred stages in a row, in every form in which a stage can be written: about as many as the type checker is to stand.

const runner = createRunner();
const length = stage({ kind: 'transform' }, ({ input }: { input: string }) => input.length);
const items = stage({ collect: 'last' }, async function* () {
  yield 'item' as string;
});

const long = pipeline<string>('long')
  .stage('s0', ({ input }) => input.length)
  .stage('s1', ['s0'], async ({ s0 }) => s0 + 1)
  .stage('s2', { needs: ['s1'], kind: 'agent' }, ({ s1, input }) => `${input} ${s1 * 2}`)
  .stage('s3', { needs: ['s2'], collect: 'last' }, ({ s2 }) => of(s2.length))
  .stage('s4', { needs: ['s3'], when: ({ s3 }) => s3 !== undefined }, ({ s3 }) => (s3 ?? 0) > 0)
  .stage('s5', { optional: ['s4'], needs: ['s1'] }, ({ s4, s1 }) => (s4 === true ? s1 * 2 : 0))
  .stage('s6', length)
  .stage('s7', { needs: ['s6'], idempotent: false }, items)
  .stage('s8', ({ input }) => input.length)
  .stage('s9', ['s8'], async ({ s8 }) => s8 + 1)
  .stage('s10', { needs: ['s9'], kind: 'agent' }, ({ s9, input }) => `${input} ${s9 * 2}`)
  .stage('s11', { needs: ['s10'], collect: 'last' }, ({ s10 }) => of(s10.length))
  .stage('s12', { needs: ['s11'], when: ({ s11 }) => s11 !== undefined }, ({ s11 }) => (s11 ?? 0) > 0)
  .stage('s13', { optional: ['s12'], needs: ['s9'] }, ({ s12, s9 }) => (s12 === true ? s9 * 2 : 0))
  .stage('s14', length)
  .stage('s15', { needs: ['s14'], idempotent: false }, items)
  .stage('s16', ({ input }) => input.length)
  .stage('s17', ['s16'], async ({ s16 }) => s16 + 1)
  .stage('s18', { needs: ['s17'], kind: 'agent' }, ({ s17, input }) => `${input} ${s17 * 2}`)
  .stage('s19', { needs: ['s18'], collect: 'last' }, ({ s18 }) => of(s18.length))
  .stage('s20', { needs: ['s19'], when: ({ s19 }) => s19 !== undefined }, ({ s19 }) => (s19 ?? 0) > 0)
  .stage('s21', { optional: ['s20'], needs: ['s17'] }, ({ s20, s17 }) => (s20 === true ? s17 * 2 : 0))
  .stage('s22', length)
  .stage('s23', { needs: ['s22'], idempotent: false }, items)
  .stage('s24', ({ input }) => input.length)
  .stage('s25', ['s24'], async ({ s24 }) => s24 + 1)
  .stage('s26', { needs: ['s25'], kind: 'agent' }, ({ s25, input }) => `${input} ${s25 * 2}`)
  .stage('s27', { needs: ['s26'], collect: 'last' }, ({ s26 }) => of(s26.length))
  .stage('s28', { needs: ['s27'], when: ({ s27 }) => s27 !== undefined }, ({ s27 }) => (s27 ?? 0) > 0)
  .stage('s29', { optional: ['s28'], needs: ['s25'] }, ({ s28, s25 }) => (s28 === true ? s25 * 2 : 0))
  .stage('s30', length)
  .stage('s31', { needs: ['s30'], idempotent: false }, items)
  .stage('s32', ({ input }) => input.length)
  .stage('s33', ['s32'], async ({ s32 }) => s32 + 1)
  .stage('s34', { needs: ['s33'], kind: 'agent' }, ({ s33, input }) => `${input} ${s33 * 2}`)
  .stage('s35', { needs: ['s34'], collect: 'last' }, ({ s34 }) => of(s34.length))
  .stage('s36', { needs: ['s35'], when: ({ s35 }) => s35 !== undefined }, ({ s35 }) => (s35 ?? 0) > 0)
  .stage('s37', { optional: ['s36'], needs: ['s33'] }, ({ s36, s33 }) => (s36 === true ? s33 * 2 : 0))
  .stage('s38', length)
  .stage('s39', { needs: ['s38'], idempotent: false }, items)
  .stage('s40', ({ input }) => input.length)
  .stage('s41', ['s40'], async ({ s40 }) => s40 + 1)
  .stage('s42', { needs: ['s41'], kind: 'agent' }, ({ s41, input }) => `${input} ${s41 * 2}`)
  .stage('s43', { needs: ['s42'], collect: 'last' }, ({ s42 }) => of(s42.length))
  .stage('s44', { needs: ['s43'], when: ({ s43 }) => s43 !== undefined }, ({ s43 }) => (s43 ?? 0) > 0)
  .stage('s45', { optional: ['s44'], needs: ['s41'] }, ({ s44, s41 }) => (s44 === true ? s41 * 2 : 0))
  .stage('s46', length)
  .stage('s47', { needs: ['s46'], idempotent: false }, items)
  .stage('s48', ({ input }) => input.length)
  .stage('s49', ['s48'], async ({ s48 }) => s48 + 1)
  .stage('s50', { needs: ['s49'], kind: 'agent' }, ({ s49, input }) => `${input} ${s49 * 2}`)
  .stage('s51', { needs: ['s50'], collect: 'last' }, ({ s50 }) => of(s50.length))
  .stage('s52', { needs: ['s51'], when: ({ s51 }) => s51 !== undefined }, ({ s51 }) => (s51 ?? 0) > 0)
  .stage('s53', { optional: ['s52'], needs: ['s49'] }, ({ s52, s49 }) => (s52 === true ? s49 * 2 : 0))
  .stage('s54', length)
  .stage('s55', { needs: ['s54'], idempotent: false }, items)
  .stage('s56', ({ input }) => input.length)
  .stage('s57', ['s56'], async ({ s56 }) => s56 + 1)
  .stage('s58', { needs: ['s57'], kind: 'agent' }, ({ s57, input }) => `${input} ${s57 * 2}`)
  .stage('s59', { needs: ['s58'], collect: 'last' }, ({ s58 }) => of(s58.length))
  .stage('s60', { needs: ['s59'], when: ({ s59 }) => s59 !== undefined }, ({ s59 }) => (s59 ?? 0) > 0)
  .stage('s61', { optional: ['s60'], needs: ['s57'] }, ({ s60, s57 }) => (s60 === true ? s57 * 2 : 0))
  .stage('s62', length)
  .stage('s63', { needs: ['s62'], idempotent: false }, items)
  .stage('s64', ({ input }) => input.length)
  .stage('s65', ['s64'], async ({ s64 }) => s64 + 1)
  .stage('s66', { needs: ['s65'], kind: 'agent' }, ({ s65, input }) => `${input} ${s65 * 2}`)
  .stage('s67', { needs: ['s66'], collect: 'last' }, ({ s66 }) => of(s66.length))
  .stage('s68', { needs: ['s67'], when: ({ s67 }) => s67 !== undefined }, ({ s67 }) => (s67 ?? 0) > 0)
  .stage('s69', { optional: ['s68'], needs: ['s65'] }, ({ s68, s65 }) => (s68 === true ? s65 * 2 : 0))
  .stage('s70', length)
  .stage('s71', { needs: ['s70'], idempotent: false }, items)
  .stage('s72', ({ input }) => input.length)
  .stage('s73', ['s72'], async ({ s72 }) => s72 + 1)
  .stage('s74', { needs: ['s73'], kind: 'agent' }, ({ s73, input }) => `${input} ${s73 * 2}`)
  .stage('s75', { needs: ['s74'], collect: 'last' }, ({ s74 }) => of(s74.length))
  .stage('s76', { needs: ['s75'], when: ({ s75 }) => s75 !== undefined }, ({ s75 }) => (s75 ?? 0) > 0)
  .stage('s77', { optional: ['s76'], needs: ['s73'] }, ({ s76, s73 }) => (s76 === true ? s73 * 2 : 0))
  .stage('s78', length)
  .stage('s79', { needs: ['s78'], idempotent: false }, items)
  .stage('s80', ({ input }) => input.length)
  .stage('s81', ['s80'], async ({ s80 }) => s80 + 1)
  .stage('s82', { needs: ['s81'], kind: 'agent' }, ({ s81, input }) => `${input} ${s81 * 2}`)
  .stage('s83', { needs: ['s82'], collect: 'last' }, ({ s82 }) => of(s82.length))
  .stage('s84', { needs: ['s83'], when: ({ s83 }) => s83 !== undefined }, ({ s83 }) => (s83 ?? 0) > 0)
  .stage('s85', { optional: ['s84'], needs: ['s81'] }, ({ s84, s81 }) => (s84 === true ? s81 * 2 : 0))
  .stage('s86', length)
  .stage('s87', { needs: ['s86'], idempotent: false }, items)
  .stage('s88', ({ input }) => input.length)
  .stage('s89', ['s88'], async ({ s88 }) => s88 + 1)
  .stage('s90', { needs: ['s89'], kind: 'agent' }, ({ s89, input }) => `${input} ${s89 * 2}`)
  .stage('s91', { needs: ['s90'], collect: 'last' }, ({ s90 }) => of(s90.length))
  .stage('s92', { needs: ['s91'], when: ({ s91 }) => s91 !== undefined }, ({ s91 }) => (s91 ?? 0) > 0)
  .stage('s93', { optional: ['s92'], needs: ['s89'] }, ({ s92, s89 }) => (s92 === true ? s89 * 2 : 0))
  .stage('s94', length)
  .stage('s95', { needs: ['s94'], idempotent: false }, items)
  .stage('s96', ({ input }) => input.length)
  .stage('s97', ['s96'], async ({ s96 }) => s96 + 1)
  .stage('s98', { needs: ['s97'], kind: 'agent' }, ({ s97, input }) => `${input} ${s97 * 2}`)
  .stage('s99', { needs: ['s98'], collect: 'last' }, ({ s98 }) => of(s98.length))
  .stage('s100', { needs: ['s99'], when: ({ s99 }) => s99 !== undefined }, ({ s99 }) => (s99 ?? 0) > 0)
  .stage('s101', { optional: ['s100'], needs: ['s97'] }, ({ s100, s97 }) => (s100 === true ? s97 * 2 : 0))
  .stage('s102', length)
  .stage('s103', { needs: ['s102'], idempotent: false }, items)
  .stage('s104', ({ input }) => input.length)
  .stage('s105', ['s104'], async ({ s104 }) => s104 + 1)
  .stage('s106', { needs: ['s105'], kind: 'agent' }, ({ s105, input }) => `${input} ${s105 * 2}`)
  .stage('s107', { needs: ['s106'], collect: 'last' }, ({ s106 }) => of(s106.length))
  .stage('s108', { needs: ['s107'], when: ({ s107 }) => s107 !== undefined }, ({ s107 }) => (s107 ?? 0) > 0)
  .stage('s109', { optional: ['s108'], needs: ['s105'] }, ({ s108, s105 }) => (s108 === true ? s105 * 2 : 0))
  .stage('s110', length)
  .stage('s111', { needs: ['s110'], idempotent: false }, items)
  .stage('s112', ({ input }) => input.length)
  .stage('s113', ['s112'], async ({ s112 }) => s112 + 1)
  .stage('s114', { needs: ['s113'], kind: 'agent' }, ({ s113, input }) => `${input} ${s113 * 2}`)
  .stage('s115', { needs: ['s114'], collect: 'last' }, ({ s114 }) => of(s114.length))
  .stage('s116', { needs: ['s115'], when: ({ s115 }) => s115 !== undefined }, ({ s115 }) => (s115 ?? 0) > 0)
  .stage('s117', { optional: ['s116'], needs: ['s113'] }, ({ s116, s113 }) => (s116 === true ? s113 * 2 : 0))
  .stage('s118', length)
  .stage('s119', { needs: ['s118'], idempotent: false }, items)
  .stage('s120', ({ input }) => input.length)
  .stage('s121', ['s120'], async ({ s120 }) => s120 + 1)
  .stage('s122', { needs: ['s121'], kind: 'agent' }, ({ s121, input }) => `${input} ${s121 * 2}`)
  .stage('s123', { needs: ['s122'], collect: 'last' }, ({ s122 }) => of(s122.length))
  .stage('s124', { needs: ['s123'], when: ({ s123 }) => s123 !== undefined }, ({ s123 }) => (s123 ?? 0) > 0)
  .stage('s125', { optional: ['s124'], needs: ['s121'] }, ({ s124, s121 }) => (s124 === true ? s121 * 2 : 0))
  .stage('s126', length)
  .stage('s127', { needs: ['s126'], idempotent: false }, items)
  .stage('s128', ({ input }) => input.length)
  .stage('s129', ['s128'], async ({ s128 }) => s128 + 1)
  .stage('s130', { needs: ['s129'], kind: 'agent' }, ({ s129, input }) => `${input} ${s129 * 2}`)
  .stage('s131', { needs: ['s130'], collect: 'last' }, ({ s130 }) => of(s130.length))
  .stage('s132', { needs: ['s131'], when: ({ s131 }) => s131 !== undefined }, ({ s131 }) => (s131 ?? 0) > 0)
  .stage('s133', { optional: ['s132'], needs: ['s129'] }, ({ s132, s129 }) => (s132 === true ? s129 * 2 : 0))
  .stage('s134', length)
  .stage('s135', { needs: ['s134'], idempotent: false }, items)
  .stage('s136', ({ input }) => input.length)
  .stage('s137', ['s136'], async ({ s136 }) => s136 + 1)
  .stage('s138', { needs: ['s137'], kind: 'agent' }, ({ s137, input }) => `${input} ${s137 * 2}`)
  .stage('s139', { needs: ['s138'], collect: 'last' }, ({ s138 }) => of(s138.length))
  .stage('s140', { needs: ['s139'], when: ({ s139 }) => s139 !== undefined }, ({ s139 }) => (s139 ?? 0) > 0)
  .stage('s141', { optional: ['s140'], needs: ['s137'] }, ({ s140, s137 }) => (s140 === true ? s137 * 2 : 0))
  .stage('s142', length)
  .stage('s143', { needs: ['s142'], idempotent: false }, items)
  .stage('s144', ({ input }) => input.length)
  .stage('s145', ['s144'], async ({ s144 }) => s144 + 1)
  .stage('s146', { needs: ['s145'], kind: 'agent' }, ({ s145, input }) => `${input} ${s145 * 2}`)
  .stage('s147', { needs: ['s146'], collect: 'last' }, ({ s146 }) => of(s146.length))
  .stage('s148', { needs: ['s147'], when: ({ s147 }) => s147 !== undefined }, ({ s147 }) => (s147 ?? 0) > 0)
  .stage('s149', { optional: ['s148'], needs: ['s145'] }, ({ s148, s145 }) => (s148 === true ? s145 * 2 : 0))
  .stage('s150', length)
  .stage('s151', { needs: ['s150'], idempotent: false }, items)
  .stage('s152', ({ input }) => input.length)
  .stage('s153', ['s152'], async ({ s152 }) => s152 + 1)
  .stage('s154', { needs: ['s153'], kind: 'agent' }, ({ s153, input }) => `${input} ${s153 * 2}`)
  .stage('s155', { needs: ['s154'], collect: 'last' }, ({ s154 }) => of(s154.length))
  .stage('s156', { needs: ['s155'], when: ({ s155 }) => s155 !== undefined }, ({ s155 }) => (s155 ?? 0) > 0)
  .stage('s157', { optional: ['s156'], needs: ['s153'] }, ({ s156, s153 }) => (s156 === true ? s153 * 2 : 0))
  .stage('s158', length)
  .stage('s159', { needs: ['s158'], idempotent: false }, items)
  .stage('s160', ({ input }) => input.length)
  .stage('s161', ['s160'], async ({ s160 }) => s160 + 1)
  .stage('s162', { needs: ['s161'], kind: 'agent' }, ({ s161, input }) => `${input} ${s161 * 2}`)
  .stage('s163', { needs: ['s162'], collect: 'last' }, ({ s162 }) => of(s162.length))
  .stage('s164', { needs: ['s163'], when: ({ s163 }) => s163 !== undefined }, ({ s163 }) => (s163 ?? 0) > 0)
  .stage('s165', { optional: ['s164'], needs: ['s161'] }, ({ s164, s161 }) => (s164 === true ? s161 * 2 : 0))
  .stage('s166', length)
  .stage('s167', { needs: ['s166'], idempotent: false }, items)
  .stage('s168', ({ input }) => input.length)
  .stage('s169', ['s168'], async ({ s168 }) => s168 + 1)
  .stage('s170', { needs: ['s169'], kind: 'agent' }, ({ s169, input }) => `${input} ${s169 * 2}`)
  .stage('s171', { needs: ['s170'], collect: 'last' }, ({ s170 }) => of(s170.length))
  .stage('s172', { needs: ['s171'], when: ({ s171 }) => s171 !== undefined }, ({ s171 }) => (s171 ?? 0) > 0)
  .stage('s173', { optional: ['s172'], needs: ['s169'] }, ({ s172, s169 }) => (s172 === true ? s169 * 2 : 0))
  .stage('s174', length)
  .stage('s175', { needs: ['s174'], idempotent: false }, items)
  .stage('s176', ({ input }) => input.length)
  .stage('s177', ['s176'], async ({ s176 }) => s176 + 1)
  .stage('s178', { needs: ['s177'], kind: 'agent' }, ({ s177, input }) => `${input} ${s177 * 2}`)
  .stage('s179', { needs: ['s178'], collect: 'last' }, ({ s178 }) => of(s178.length))
  .stage('s180', { needs: ['s179'], when: ({ s179 }) => s179 !== undefined }, ({ s179 }) => (s179 ?? 0) > 0)
  .stage('s181', { optional: ['s180'], needs: ['s177'] }, ({ s180, s177 }) => (s180 === true ? s177 * 2 : 0))
  .stage('s182', length)
  .stage('s183', { needs: ['s182'], idempotent: false }, items)
  .stage('s184', ({ input }) => input.length)
  .stage('s185', ['s184'], async ({ s184 }) => s184 + 1)
  .stage('s186', { needs: ['s185'], kind: 'agent' }, ({ s185, input }) => `${input} ${s185 * 2}`)
  .stage('s187', { needs: ['s186'], collect: 'last' }, ({ s186 }) => of(s186.length))
  .stage('s188', { needs: ['s187'], when: ({ s187 }) => s187 !== undefined }, ({ s187 }) => (s187 ?? 0) > 0)
  .stage('s189', { optional: ['s188'], needs: ['s185'] }, ({ s188, s185 }) => (s188 === true ? s185 * 2 : 0))
  .stage('s190', length)
  .stage('s191', { needs: ['s190'], idempotent: false }, items)
  .stage('s192', ({ input }) => input.length)
  .stage('s193', ['s192'], async ({ s192 }) => s192 + 1)
  .stage('s194', { needs: ['s193'], kind: 'agent' }, ({ s193, input }) => `${input} ${s193 * 2}`)
  .stage('s195', { needs: ['s194'], collect: 'last' }, ({ s194 }) => of(s194.length))
  .stage('s196', { needs: ['s195'], when: ({ s195 }) => s195 !== undefined }, ({ s195 }) => (s195 ?? 0) > 0)
  .stage('s197', { optional: ['s196'], needs: ['s193'] }, ({ s196, s193 }) => (s196 === true ? s193 * 2 : 0))
  .stage('s198', length)
  .stage('s199', { needs: ['s198'], idempotent: false }, items);

it('two hundred stages in a row keep their types to the end', async () => {
  const run = runner.run(long, 'in');
  const out = await run;
  expectTypeOf(out.s0).toEqualTypeOf<number>();
  expectTypeOf(out.s193).toEqualTypeOf<number>();
  expectTypeOf(out.s194).toEqualTypeOf<string>();
  expectTypeOf(out.s195).toEqualTypeOf<number | undefined>();
  expectTypeOf(out.s196).toEqualTypeOf<boolean | undefined>();
  expectTypeOf(out.s197).toEqualTypeOf<number>();
  expectTypeOf(out.s198).toEqualTypeOf<number>();
  expectTypeOf(out.s199).toEqualTypeOf<string | undefined>();
  expectTypeOf(run.stream('s195')).toEqualTypeOf<Observable<number>>();
  const { stages } = await run.report;
  if (stages.s194.status === 'ok') expectTypeOf(stages.s194.value).toEqualTypeOf<string>();
});

it('a mistake at the end of them is still found', () => {
  long.stage('more', ['s0', 's199'], ({ s0, s199 }) => {
    expectTypeOf(s0).toEqualTypeOf<number>();
    expectTypeOf(s199).toEqualTypeOf<string | undefined>();
  });
  // @ts-expect-error no such stage
  long.stage('more', ['s200'], () => 1);
  // @ts-expect-error there is one already
  long.stage('s100', () => 1);
  // @ts-expect-error it does not need s7
  long.stage('more', ['s8'], ({ s7 }) => s7);
  // @ts-expect-error of another type
  long.stage('more', ['s8'], ({ s8 }: { s8: string }) => s8);
  // @ts-expect-error an input is due
  runner.run(long);
  // @ts-expect-error of another type
  runner.run(long, 'in', { completed: { s194: 5 } });
  // @ts-expect-error no such stage
  runner.run(long, 'in', { stages: { s200: {} } });
});
