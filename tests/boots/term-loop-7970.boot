title A 7970 was given 8.5(2)SR1 after a reset and restarts over term70.default.loads
answers A12
about 001B54AABB12
phone {MAC} model 7970 lines 1001
fault: firmware SIP70.8-5-2SR1S SIP70.8-5-2SR1S.loads,term70.default.loads,jar70sip.8-5-2TH1-9.sbn
fault: erased term70 SIP70.8-5-2SR1S
sound: firmware SIP70.8-3-3S SIP70.8-3-3S.loads,term70.default.loads,jar70sip.8-3-2-27.sbn
sound: erased term70 SIP70.8-3-3S
0:00 leases 10.0.7.60
0:05 gets term70.default.loads
fault: 1:10 gets term70.default.loads
fault: 2:20 gets term70.default.loads
sound: 0:06 gets jar70sip.8-3-2-27.sbn
sound: 3:20 asks CTLSEP{MAC}.tlv -> not-found
sound: 3:20 gets SEP{MAC}.cnf.xml
sound: 3:21 gets dialplan.xml
sound: 3:23 registers 1001 agent Cisco-CP7970G/8.3.0
finds manifest-refused
