title A 7911 works at the bench; in the office it looks for a call manager's SCCP load and restarts
answers A18
about 001B54AABB18
phone {MAC} model 7911 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SEP{MAC}.cnf.xml
0:01 gets dialplan.xml
0:03 registers 1001 agent Cisco-CP7911G/9.2.1
fault: 5:00 gone 1001
fault: 5:01 asks CTLSEP{MAC}.tlv -> not-found
fault: 5:02 asks SCCP11.9-4-2SR1-1S.loads -> not-found
fault: 5:30 asks CTLSEP{MAC}.tlv -> not-found
fault: 5:31 asks SCCP11.9-4-2SR1-1S.loads -> not-found
7:00 waits
finds other-call-manager
