import { describe, expect, it } from 'vitest';
import { parseStats } from './stats.ts';

const header = '# pxname,svname,scur,status,check_status,last_chk,check_desc,\n';
const row = (status: string, more = 'L7OK,,,') => `port-1,a,2,${status},${more}\n`;
const one = (text: string) => parseStats(header + text)[0];

describe('statistics', () => {
  it('tell of servers, and not of the proxies around them', () => {
    const csv = `${header}port-1,FRONTEND,1,OPEN,,,,\n${row('UP')}port-1,BACKEND,1,UP,,,,\n\n`;
    expect(parseStats(csv)).toEqual([{ pool: 'port-1', server: 'a', status: 'up', sessions: 2 }]);
  });

  it.each([
    ['UP', 'up'],
    ['UP 1/3', 'up'],
    ['no check', 'up'],
    ['DOWN', 'down'],
    ['DOWN 1/2', 'checking'],
    ['DRAIN', 'drain'],
    ['NOLB 1/3', 'drain'],
    ['MAINT', 'maint'],
    ['MAINT (resolution)', 'maint'],
    ['MAINT (via a/b)', 'maint'],
  ])('reads %j as %s', (word, status) => {
    expect(one(row(word))?.status).toBe(status);
  });

  it('takes a server for up only after its first check', () => {
    expect(one(row('UP', 'INI,,,'))?.status).toBe('checking');
    expect(one(row('no check', ',,,'))?.status).toBe('up');
    expect(one(row('UP', '* L4OK,,,'))?.status).toBe('up');
  });

  it('say why a server is not up, and nothing of one that is', () => {
    const why = 'L7RSP,"a ""quoted"", reason",Layer7 invalid response,';
    expect(one(row('DOWN', why))?.reason).toBe('L7RSP a "quoted", reason Layer7 invalid response');
    expect(one(row('UP', why))).not.toHaveProperty('reason');
  });

  it('are read by the names of their columns, whatever a version adds', () => {
    const csv = '# pxname,svname,new,status,scur,\nport-1,a,x,DOWN,7,\n';
    expect(parseStats(csv)).toEqual([{ pool: 'port-1', server: 'a', status: 'down', sessions: 7 }]);
  });

  it.each(['', '<html>503</html>', `${header}port-1,a,2`])('are refused when they are none: %j', (text) => {
    expect(() => parseStats(text)).toThrow('statistics');
  });
});
