title A 7942 moved to another network, fetches its files there, and does not register: its old registration is no NAT
about 001B54AABBD7
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
0:05 registers 1001 agent Cisco-CP7942G/9.4.2
fault: 60:00 unreachable 1001
fault: 60:10 gets SEP{MAC}.cnf.xml from 10.0.8.99
fault: 60:11 gets dialplan.xml from 10.0.8.99
67:00 waits
finds unreachable
