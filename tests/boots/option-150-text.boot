title The DHCP server has option 150 as a text, so phones take nothing of it and ask on
answers A28
about 001B54AABB28
phone {MAC} model 7960 lines 1001
fault: 0:00 misled 10.0.7.254 "option 150 is the text '10.0.7.1' in place of four octets for each address: phones take nothing of it"
0:01 discovers
0:02 takes 10.0.7.60
sound: 0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:05 gets SIP{MAC}.cnf
sound: 0:06 gets RINGLIST.DAT
sound: 0:08 registers 1001 agent Cisco-CP7960G/8.0
4:00 waits
finds dhcp-misleads
