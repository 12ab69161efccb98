title A 7965 was reset, loads its recovery set, and then the same release again under its real name: no fault
about 001B54AABBD3
phone {MAC} model 7965 lines 1001
firmware SIP45.9-4-2SR3-1S SIP45.9-4-2SR3-1S.loads,term65.default.loads,jar45sip.9-4-2ES26.sbn,cnu45.9-4-2ES26.sbn
erased term65 SIP45.9-4-2SR3-1S
0:00 leases 10.0.7.60
0:05 gets term65.default.loads
0:06 gets jar45sip.9-4-2ES26.sbn
0:30 gets cnu45.9-4-2ES26.sbn
4:00 announces model 7965 load term65.default
4:05 asks CTLSEP{MAC}.tlv -> not-found
4:05 gets SEP{MAC}.cnf.xml
4:10 gets SIP45.9-4-2SR3-1S.loads
4:11 gets jar45sip.9-4-2ES26.sbn
4:40 gets cnu45.9-4-2ES26.sbn
8:00 announces model 7965 load SIP45.9-4-2SR3-1S
8:05 asks CTLSEP{MAC}.tlv -> not-found
8:05 gets SEP{MAC}.cnf.xml
8:06 gets dialplan.xml
8:08 registers 1001 agent Cisco-CP7965G/9.4.2
12:00 waits
finds nothing
