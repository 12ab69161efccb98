title A 7961 asks for its trust list three times, begins anew with DHCP, and then works: no fault
about 001B54AABBD4
phone {MAC} model 7961 lines 1001
0:00 leases 10.0.7.60
0:02 asks CTLSEP{MAC}.tlv -> not-found
0:06 asks CTLSEP{MAC}.tlv -> not-found
0:10 asks CTLSEP{MAC}.tlv -> not-found
0:20 leases 10.0.7.60
0:22 asks CTLSEP{MAC}.tlv -> not-found
0:22 gets SEP{MAC}.cnf.xml
0:23 gets dialplan.xml
0:25 registers 1001 agent Cisco-CP7961G/9.4.2
4:00 waits
finds nothing
