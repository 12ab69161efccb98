title A 7940 on P00308000500 reads XMLDefault.cnf.xml and stays with SCCP: nobody started its conversion
answers B2
about 001B54AABBB2
phone {MAC} model 7940 lines 1001
fault: 0:00 announces model 7940 load P00308000500
fault: 0:05 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:05 asks SEP{MAC}.cnf.xml -> other-family
fault: 0:06 gets XMLDefault.cnf.xml
sound: 0:00 announces model 7940 load P0S3-8-12-00
sound: 0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:05 gets SIP{MAC}.cnf
sound: 0:06 gets RINGLIST.DAT
sound: 0:08 registers 1001 agent Cisco-CP7940G/8.0
4:00 waits
finds needs-conversion
