title A 7962 holds the trust list of its former call manager and wants a signed configuration
about 001B54AABBC4
phone {MAC} model 7962 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks SEP{MAC}.cnf.xml.sgn -> not-found
fault: 0:02 gets SEP{MAC}.cnf.xml
sound: 0:01 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:01 gets SEP{MAC}.cnf.xml
sound: 0:02 gets dialplan.xml
sound: 0:04 registers 1001 agent Cisco-CP7962G/9.4.2
finds trust-list
